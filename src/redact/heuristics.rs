//! Heuristics that distinguish secrets from placeholders, code and prose by their first bytes.

use std::sync::LazyLock;

use crate::redact::{
    encoded_char::{end_while, is_quote, is_space, skip_while},
    rules::{Class, Words},
};

/// Spellings of "no value", and words that documentation uses in place of a value.
static NO_VALUE: LazyLock<Words> = LazyLock::new(|| Words::load("nothing"));

/// First words of paths into a program's settings: `config.password`.
static ROOTS: LazyLock<Words> = LazyLock::new(|| Words::load("roots"));

/// Keywords and primitive types.
static CODE: LazyLock<Words> = LazyLock::new(|| Words::load("code"));

/// Names of types that are one word.
static TYPES: LazyLock<Words> = LazyLock::new(|| Words::load("names of types"));

/// First fields of a schema.
static SCHEMA: LazyLock<Words> = LazyLock::new(|| Words::load("schema"));

/// The context in which a value is classified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) class: Class,
    /// True for `key=value` without blanks, a quoted key, an option or an element: not prose.
    pub(super) strict: bool,
    pub(super) quoted: bool,
}

impl Context {
    pub(super) fn strict(class: Class) -> Context {
        Context {
            class,
            strict: true,
            quoted: false,
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_no_value(value: &[u8]) -> bool {
    let value = value.strip_suffix(b",").unwrap_or(value);
    // `{password:?}` of a format, `∞`
    value.len() < 4 && !value.iter().any(u8::is_ascii_alphanumeric) || NO_VALUE.has_any_case(value)
}

/// True for `${X}`, `$X`, `{{ x }}`, `<x>`, `%s`, `****`, `...`, `[FILTERED]`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let name = |text: &[u8]| {
        let all = |is: fn(&u8) -> bool| text.iter().all(|byte| is(byte) || *byte == b'_');
        all(u8::is_ascii_uppercase) || all(u8::is_ascii_lowercase)
    };
    match value {
        [b'$', b'{' | b'(', ..]
        | [b'{', b'{' | b'%', ..]
        | [b'#', b'{', ..]
        | [b'%', b'(' | b's', ..] => true,
        [b'$', rest @ ..] => {
            // `$_POST['x']`, `$user->password`
            let (_, member) = rest.split_at(end_while(rest, 0, 64, is_name_byte));
            let member = member.starts_with(b"[") || member.starts_with(b"->");
            !rest.is_empty() && (name(rest) || member)
        }
        [b'%', rest @ .., b'%'] => name(rest),
        [b'<', next, ..] => next.is_ascii_alphabetic() || *next == b'/',
        [b'{', rest @ .., b'}'] => {
            let of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:!".contains(byte);
            rest.iter().all(of_name)
        }
        [b'[', rest @ .., b']'] => {
            matches!(rest, b"FILTERED" | b"REDACTED" | b"MASKED" | b"HIDDEN")
        }
        [first, rest @ ..] if rest.len() >= 2 => {
            !first.is_ascii_digit() && rest.iter().all(|byte| byte == first)
                || value == "…".as_bytes()
                || value.starts_with("•".as_bytes())
        }
        _ => false,
    }
}

/// True for the schema of a value: `{"type":"string"}`.
pub(super) fn is_schema(bytes: &[u8], at: usize) -> bool {
    let key = skip_while(bytes, at + 1, 39, |next| {
        is_space(next.byte) || next.byte == b'"'
    });
    let word = end_while(bytes, key, 16, |byte| {
        byte.is_ascii_alphabetic() || byte == b'$'
    });
    bytes[at] == b'{'
        && SCHEMA.has(bytes.get(key..word).unwrap_or_default())
        && matches!(bytes.get(word), Some(b'"' | b'\\'))
}

/// True if the value looks like a secret of this class.
pub(super) fn is_secret(value: &[u8], context: Context) -> bool {
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let digits = || count(u8::is_ascii_digit);
    let blank = || value.contains(&b' ');
    match context.class {
        Class::Strong => context.strict || context.quoted || !is_type(value),
        Class::Header => {
            let looks = context.strict
                || context.quoted
                || is_cookie(value)
                || blank() && digits() > 0 && !is_prose(value)
                || is_credentials(value)
                || is_mixed(value);
            looks && !is_scheme_alone(value)
        }
        Class::Digits => {
            let any = context.strict && value[0].is_ascii_alphanumeric();
            digits() >= 3 && (any || digits() == value.len()) && !blank()
        }
        Class::Weak if context.strict => !blank() && (value.len() > 3 || digits() < value.len()),
        Class::Weak if context.quoted => {
            value.len() >= 6 && digits() > 0 && count(u8::is_ascii_alphabetic) > 0 && !blank()
        }
        Class::Weak => is_mixed(value),
    }
}

/// True for a scheme without a secret: `Basic`, `Bearer <token>`, `Basic {}`.
fn is_scheme_alone(value: &[u8]) -> bool {
    let (scheme, rest) = split_word(value);
    let known: [&[u8]; 4] = [b"basic", b"bearer", b"digest", b"token"];
    let rest = rest.trim_ascii_start();
    known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && (rest.is_empty() || is_placeholder(split_word(rest).0))
}

/// True for three words of which the second is in lower case: `Basic from URI #923`.
fn is_prose(value: &[u8]) -> bool {
    let (_, rest) = split_word(value);
    let (second, rest) = split_word(rest.trim_ascii_start());
    !rest.is_empty() && !second.is_empty() && second.iter().all(u8::is_ascii_lowercase)
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(end_while(text, 0, usize::MAX, |byte| byte != b' '))
}

/// True for `a=1; b=2`.
fn is_cookie(value: &[u8]) -> bool {
    let name = end_while(value, 0, usize::MAX, |byte| byte > b' ' && byte != b'=');
    name > 0 && matches!(value[name..], [b'=', next, ..] if next > b' ' && next != b'=')
}

/// True for a scheme and credentials: `Basic dXNlcg==`, not `Basic authentication`.
fn is_credentials(value: &[u8]) -> bool {
    let (scheme, rest) = split_word(value);
    let second = rest.get(1..).unwrap_or_default();
    let of_word = |byte: &u8| byte.is_ascii_lowercase() || b".,:`".contains(byte);
    scheme.len() >= 4
        && scheme.iter().all(u8::is_ascii_alphabetic)
        && second.len() >= 3
        && !second.contains(&b' ')
        && (!second.iter().all(of_word) || scheme.eq_ignore_ascii_case(b"bearer"))
}

/// True for the name of a type: `SecretString`.
fn is_type(value: &[u8]) -> bool {
    let value = value.strip_suffix(b",").unwrap_or(value);
    let capitals = value.iter().filter(|byte| byte.is_ascii_uppercase());
    let humps = capitals.count();
    value.iter().all(u8::is_ascii_alphabetic)
        && value[0].is_ascii_uppercase()
        && (value.len() == 1 || humps >= 2 && humps < value.len() || TYPES.has(value))
}

/// False if no value that starts with these bytes can be a secret of this class: cheaper than finding its end.
pub(super) fn may_be_secret(head: &[u8], context: Context) -> bool {
    match context.class {
        Class::Digits => head.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3,
        Class::Weak if !context.strict && !context.quoted => head
            .get(..MIN_MIXED)
            .is_some_and(|head| head.iter().all(is_token_byte)),
        _ => true,
    }
}

/// Minimum length of a value that is a secret because it mixes letters and digits, in bytes.
const MIN_MIXED: usize = 8;

fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+/=.~".contains(byte)
}

/// True for alternating letters and digits, unlike words, versions and types.
fn is_mixed(value: &[u8]) -> bool {
    let turn = |pair: &&[u8]| {
        pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
            && pair.iter().all(u8::is_ascii_alphanumeric)
    };
    value.len() >= MIN_MIXED && value.iter().all(is_token_byte) && {
        let turns = value.windows(2).filter(turn).count();
        turns >= 2 || turns == 1 && value.len() >= 16
    }
}

/// True for code: a path, a call, a type, a variable. Reads at most 64 bytes.
pub(super) fn is_code(bytes: &[u8], at: usize, context: Context) -> bool {
    let text = &bytes[at..bytes.len().min(at + 64)];
    let free = !context.strict;
    let ident = |text: &[u8]| end_while(text, 0, 64, is_name_byte);
    let (name, rest) = text.split_at(ident(text));
    let plain = !name.is_empty() && !name.iter().any(u8::is_ascii_digit);
    let known = || ROOTS.has(name);
    match text {
        // The number of a flag: `AUTH = 0x0008`.
        [b'0', b'x', ..] if free && name.len() <= 10 => return true,
        [b'/', ..] | [b'.' | b'~', b'/', ..] | [b'.', b'.', b'/', ..] => {
            let of_path = |byte| byte > b' ' && !is_quote(byte) && !b":,;&".contains(&byte);
            let path = &text[..end_while(text, 0, 64, of_path)];
            let of_lower = |byte: &u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-~".contains(byte)
            };
            return path.iter().all(of_lower)
                && (path[1..].contains(&b'/') || !path.iter().any(u8::is_ascii_digit));
        }
        [b'&', next, ..] => return free && (next.is_ascii_alphabetic() || b"'[".contains(next)),
        [b'|' | b'-', tail @ ..] => {
            return free
                && tail
                    .first()
                    .is_none_or(|next| !next.is_ascii_alphanumeric());
        }
        _ => {}
    }
    match rest {
        [b':', b':', ..] => !name.is_empty(),
        [b'<', next, ..] => {
            let opens = next.is_ascii_alphabetic() || b"(&[\'<".contains(next);
            plain && name[0].is_ascii_uppercase() && opens
        }
        [b'(', ..] | [b'!', b'(' | b'[', ..] | [b'?', b'.', ..] => plain,
        [b'[', ..] => plain && (free || known()),
        [b'.', tail @ ..] => {
            let second = ident(tail);
            let call = tail.get(second) == Some(&b'(');
            plain && second > 0 && (free || call || known())
        }
        // `KEY: u32 = 7;`, `key: impl Into<String>`
        [b',' | b';' | b')', ..]
            if !name.is_empty() && free && name.iter().all(u8::is_ascii_digit) =>
        {
            true
        }
        _ => {
            // A constant: `password: DB_PASSWORD`.
            let of_constant = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
            let constant = name.iter().all(of_constant) && name.contains(&b'_');
            free && (is_code_word(name, rest) || plain && constant)
        }
    }
}

/// True for a keyword or a primitive type.
fn is_code_word(word: &[u8], rest: &[u8]) -> bool {
    let next = rest.first().copied().unwrap_or(b'\n');
    let ends = next <= b' ' || b",;)>=*&'".contains(&next);
    let known = CODE.has(word)
        || word.starts_with(b"__")
        || word.starts_with(b"c_")
        || word.ends_with(b"_t");
    ends && known || word.is_empty() && (rest.starts_with(b"*mut ") || rest.starts_with(b"*const "))
}
