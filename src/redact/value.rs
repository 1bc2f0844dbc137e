//! The value behind a key and its separator.

use crate::redact::{
    REDACTED,
    bounds::{MAX_ENCODED, bracket_end, closes_pair, json_end, trimmed, unquoted_end},
    browser_input::is_typing,
    encoded_char::{
        EncodedChar, Encoding, end_while, is_line_end, is_quote, is_space, line_end, read_char,
        skip_blanks, skip_while,
    },
    heuristics::{Context, is_code, is_placeholder, is_schema, may_be_secret},
    key_span::{KeySpan, Separator},
    keys::Key,
    multiline::{on_next_line, yaml_block},
    prose::is_sentence,
    quotes::{HEAD, find_quotes, is_likely_secret, quoted, secret_between},
    rules::Class,
    scan::{Scan, SecretSpan},
};

/// Finds the secret value directly behind a separator.
pub(super) fn value_after(
    scan: &mut Scan<'_>,
    span: &KeySpan,
    separator: &Separator,
    class: Class,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    let mut context = context(span, separator, class);
    let class = context.class;
    let mut at = separator.end;
    if matches!(separator.byte, b',' | b'|' | b' ') {
        at = skip_blanks(bytes, at);
    }
    if separator.byte == b'|' {
        return in_table(bytes, at, context);
    }
    if bytes[at..].starts_with(b"<![CDATA[") {
        at += 9;
    }
    let first = read_char(bytes, *(at < bytes.len()).then_some(&at)?);
    if separator.byte == b'>' {
        return in_element(bytes, at, context);
    }
    let is_listed = |found: &SecretSpan| {
        !matches!(separator.byte, b',' | b'(')
            || closes_pair(bytes, found.end)
            || is_typing(bytes, span.start)
    };
    if is_quote(first.byte) {
        let found = quoted_value(scan, span, separator, at, context)?;
        return (is_listed(&found) || span.is_option(bytes)).then_some(found);
    }
    if separator.byte == b',' {
        // `("password", String("x"))`
        let found = in_constructor(scan, at, context).flatten();
        return found.filter(is_listed);
    }
    if let Some(found) = yaml_block(bytes, span, separator, at, class) {
        return Some(found);
    }
    if is_line_end(first.byte) {
        return on_next_line(scan, at, separator, class);
    }
    if let Some(found) = in_constructor(scan, at, context) {
        return found;
    }
    if matches!(first.byte, b'[' | b'{' | b'(') && !bytes[at..].starts_with(REDACTED.as_bytes()) {
        return in_brackets(scan, at, separator, span, context);
    }
    if !context.strict && span.is_declared(bytes) {
        return None;
    }
    let around = span
        .before
        .filter(|before| is_quote(before.byte) && separator.closing.is_none());
    if class == Class::Header {
        if around.is_none() && separator.closing.is_none() && is_sentence(bytes, span, at) {
            return None;
        }
        // In a list of headers, or in quotes, any value is secret.
        let begins = span.before.is_none_or(|before| before.byte == b'\n');
        context.strict |= around.is_some() || begins;
        return on_line(bytes, at, around, context);
    }
    if class == Class::Digits && !first.byte.is_ascii_alphanumeric() {
        return None;
    }
    unquoted_value(bytes, at, span, separator, around, context)
}

/// Returns the context for the value behind this separator.
fn context(span: &KeySpan, separator: &Separator, class: Class) -> Context {
    let quoted_key = separator
        .closing
        .is_some_and(|closing| closing.byte != b'`');
    let strict = match separator.byte {
        b':' => quoted_key || span.in_query() || separator.tight && separator.percent > 0,
        b'|' | b'(' => false,
        _ => separator.tight || quoted_key || matches!(separator.byte, b' ' | b'>'),
    };
    // Headers have a colon: `cookie = jar.get()` is code.
    let is_code = class == Class::Header && separator.byte == b'=' && separator.percent == 0;
    Context {
        class: match is_code || separator.byte == b'(' {
            true => Class::Weak,
            false => class,
        },
        strict,
        quoted: false,
    }
}

/// Finds an unquoted value.
fn unquoted_value(
    bytes: &[u8],
    at: usize,
    span: &KeySpan,
    separator: &Separator,
    around: Option<EncodedChar>,
    context: Context,
) -> Option<SecretSpan> {
    let seen = &bytes[at..bytes.len().min(at + HEAD)];
    if !seen.starts_with(REDACTED.as_bytes()) && !may_be_secret(seen, context) {
        return None;
    }
    // If the head is not secret, the rest is not read.
    let head = unquoted_end(
        bytes,
        at,
        bytes.len().min(at + HEAD),
        separator,
        span,
        around,
    );
    let repeats = !context.strict && repeats_key(bytes, span, at, head);
    if repeats || !is_likely_secret(bytes, at, head, context) {
        return None;
    }
    let end = if head + 8 < at + HEAD {
        head
    } else {
        unquoted_end(bytes, at, bytes.len(), separator, span, around)
    };
    // A JSON number: the mark is quoted, so that the text stays valid JSON.
    let quotes =
        json_quotes(separator).filter(|_| !bytes[at..end].starts_with(REDACTED.as_bytes()));
    Some(SecretSpan {
        quotes,
        ..SecretSpan::new(at, end)
    })
}

/// Returns the encoding of the quotes around a JSON key.
fn json_quotes(separator: &Separator) -> Option<Encoding> {
    let closing = separator.closing.filter(|_| separator.byte == b':')?;
    (closing.byte == b'"' && closing.is_json_quote()).then_some(closing.encoding)
}

/// True if the value is a name that ends like the key: `password = expected_password`, `credential: Credential`.
fn repeats_key(bytes: &[u8], span: &KeySpan, at: usize, end: usize) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let value = &bytes[at..end];
    let last = value
        .last()
        .is_some_and(|last| last.eq_ignore_ascii_case(&bytes[span.end - 1]));
    last && value.iter().all(name) && Key::new(value).has_same_last_word(&span.key(bytes))
}

/// Finds a value whose opening quote is at `at`.
fn quoted_value(
    scan: &mut Scan<'_>,
    span: &KeySpan,
    separator: &Separator,
    at: usize,
    mut context: Context,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    let first = read_char(bytes, at);
    // `"?token="`, `"--auth="`: a closing quote, without a value.
    let closes = separator.closing.is_none()
        && span.before.is_some_and(|before| before.byte == first.byte)
        && bytes
            .get(at + first.len)
            .is_none_or(|next| !next.is_ascii_alphanumeric());
    if first.encoding == Encoding::Raw && (span.in_query() || closes) {
        return None;
    }
    context.quoted = true;
    let doubled = EncodedChar {
        len: 2,
        ..EncodedChar::raw(first.byte)
    };
    let found = if separator.closing == Some(doubled) && bytes.get(at + 1) == Some(&first.byte) {
        // In a quoted CSV field.
        let end = find_quotes(bytes, at + 2, MAX_ENCODED, &[first.byte; 2])?;
        secret_between(bytes, at + 2, end, context)
    } else {
        quoted(scan, at, first, context)
    };
    // Markdown code: `ToPrivateKey` => `EncodePrivateKey`.
    let code = first.byte == b'`' && !context.strict;
    found.filter(|found| !code || !repeats_key(bytes, span, found.start, found.end))
}

/// Finds the quoted value in `Some("x")`, `Token("x")` or `b"x"`. `None` if there is no constructor or prefix.
fn in_constructor(
    scan: &mut Scan<'_>,
    at: usize,
    mut context: Context,
) -> Option<Option<SecretSpan>> {
    let bytes = scan.bytes;
    let mut place = at;
    for _ in 0..3 {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let next = end_while(bytes, place, 32, of_name);
        // `r#"x"#`, `@"x"`, `$'x'`
        let behind = end_while(bytes, next, 3, |byte| b"#@$".contains(&byte));
        let quoted_next = bytes.get(behind).is_some_and(|byte| is_quote(*byte));
        if next <= place + 2 && behind > place && quoted_next {
            place = behind;
        } else if bytes[place].is_ascii_uppercase() && bytes.get(next) == Some(&b'(') {
            place = next + 1;
        } else {
            return None;
        }
        let quote = read_char(bytes, *(place < bytes.len()).then_some(&place)?);
        if is_quote(quote.byte) {
            context.quoted = true;
            return Some(quoted(scan, place, quote, context));
        }
    }
    None
}

/// Finds a value in brackets.
fn in_brackets(
    scan: &mut Scan<'_>,
    at: usize,
    separator: &Separator,
    span: &KeySpan,
    context: Context,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    if separator.closing.is_some() && separator.byte == b':' {
        if is_schema(bytes, at) || context.class == Class::Header {
            return None;
        }
        let end = json_end(bytes, at);
        let nothing = |byte: &u8| is_space(*byte) || matches!(byte, b']' | b'}');
        let empty = bytes[at + 1..end].iter().all(nothing);
        return (!empty).then_some(SecretSpan {
            quotes: json_quotes(separator),
            ..SecretSpan::new(at, end)
        });
    }
    let worth = context.class != Class::Weak
        && (context.strict || bytes[at] != b'{' && read_char(bytes, at + 1).byte == b'"');
    if !worth || is_placeholder(&bytes[at..bytes.len().min(at + 64)]) {
        return None;
    }
    let end = bracket_end(scan, at)?;
    if is_placeholder(&bytes[at..end]) {
        return None;
    }
    let around = span.before.filter(|before| is_quote(before.byte));
    let end = unquoted_end(bytes, end, bytes.len(), separator, span, around);
    (end > at + 2).then_some(SecretSpan::new(at, end))
}

/// Finds the text of an element, up to the closing tag.
pub(super) fn in_element(bytes: &[u8], at: usize, mut context: Context) -> Option<SecretSpan> {
    let end = skip_while(bytes, at, usize::MAX, |next| {
        !matches!(next.byte, b'<' | b'\n')
    });
    let tag = read_char(bytes, end);
    if tag.byte != b'<' || bytes.get(end + tag.len) != Some(&b'/') {
        return None;
    }
    let (start, end) = trimmed(bytes, at, end);
    context.quoted = true;
    secret_between(bytes, start, end, context)
}

/// Finds the rest of a header line, up to the closing quote if the header is quoted.
fn on_line(
    bytes: &[u8],
    at: usize,
    around: Option<EncodedChar>,
    context: Context,
) -> Option<SecretSpan> {
    let head = line_end(&bytes[..bytes.len().min(at + HEAD)], at);
    if !is_likely_secret(bytes, at, head, context) {
        return None;
    }
    let end = skip_while(bytes, at, usize::MAX, |next| {
        !around.is_some_and(|quote| quote.is_same(next)) && !is_line_end(next.byte)
    });
    secret_between(bytes, at, trimmed(bytes, at, end).1, context)
}

/// Finds the value in a table cell.
fn in_table(bytes: &[u8], at: usize, mut context: Context) -> Option<SecretSpan> {
    let end = skip_while(bytes, at, MAX_ENCODED, |next| {
        !is_line_end(next.byte) && !matches!(next.byte, b'|' | b'<' | b'\t')
    });
    let value = bytes[at..end.min(bytes.len())].trim_ascii_end();
    let (mut start, mut end) = (at, at + value.len());
    if end > start + 2 && bytes[start] == b'`' && bytes[end - 1] == b'`' {
        (start, end) = (start + 1, end - 1);
    }
    context.quoted = true;
    if context.class == Class::Strong {
        context.class = Class::Weak;
    }
    // `varchar(255)`
    let call = is_code(bytes, start, context);
    secret_between(bytes, start, end, context).filter(|_| !call)
}
