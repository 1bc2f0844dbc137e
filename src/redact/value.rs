//! How far the value of a key goes.

use crate::redact::{
    REDACTED,
    bounds::{SPELLED, bracket_end, closes_pair, free_end, json_end, trimmed},
    drivers::is_typing,
    keys::Key,
    lines::{block, on_next_line},
    looks::{Context, is_code, is_placeholder, is_schema, may_be_secret},
    prose::is_sentence,
    quotes::{HEAD, end_of_quotes, judged, quoted, taken},
    rules::Class,
    scan::{Found, Scan},
    site::{After, Site},
    spell::{
        Spelled, Spelling, blanks_end, end_of, is_line_end, is_quote, is_space, line_end, read,
        skip,
    },
};

/// The value behind a separator, where it is secret and nothing stands before it.
pub(super) fn behind(
    scan: &mut Scan<'_>,
    site: &Site,
    after: &After,
    class: Class,
) -> Option<Found> {
    let bytes = scan.bytes;
    let mut context = context(site, after, class);
    let class = context.class;
    let mut at = after.at;
    if matches!(after.separator, b',' | b'|' | b' ') {
        at = blanks_end(bytes, at);
    }
    if after.separator == b'|' {
        return in_table(bytes, at, context);
    }
    if bytes[at..].starts_with(b"<![CDATA[") {
        at += 9;
    }
    let first = read(bytes, *(at < bytes.len()).then_some(&at)?);
    if after.separator == b'>' {
        return in_element(bytes, at, context);
    }
    let is_listed = |found: &Found| {
        !matches!(after.separator, b',' | b'(')
            || closes_pair(bytes, found.end)
            || is_typing(bytes, site.start)
    };
    if is_quote(first.byte) {
        let found = behind_quote(scan, site, after, at, context)?;
        return (is_listed(&found) || site.is_option(bytes)).then_some(found);
    }
    if after.separator == b',' {
        // `("password", String("x"))`
        let found = in_constructor(scan, at, context).flatten();
        return found.filter(is_listed);
    }
    if let Some(found) = block(bytes, site, after, at, class) {
        return Some(found);
    }
    if is_line_end(first.byte) {
        return on_next_line(scan, at, after, class);
    }
    if let Some(found) = in_constructor(scan, at, context) {
        return found;
    }
    if matches!(first.byte, b'[' | b'{' | b'(') && !bytes[at..].starts_with(REDACTED.as_bytes()) {
        return in_brackets(scan, at, after, site, context);
    }
    if !context.strict && site.is_declared(bytes) {
        return None;
    }
    let around = site
        .before
        .filter(|before| is_quote(before.byte) && after.closing.is_none());
    if class == Class::Header {
        if around.is_none() && after.closing.is_none() && is_sentence(bytes, site, at) {
            return None;
        }
        // In a list of headers, or in quotes of its own, any value is one.
        let begins = site.before.is_none_or(|before| before.byte == b'\n');
        context.strict |= around.is_some() || begins;
        return on_line(bytes, at, around, context);
    }
    if class == Class::Digits && !first.byte.is_ascii_alphanumeric() {
        return None;
    }
    free(bytes, at, site, after, around, context)
}

/// How a value behind this separator is judged.
fn context(site: &Site, after: &After, class: Class) -> Context {
    let quoted_key = after.closing.is_some_and(|closing| closing.byte != b'`');
    let strict = match after.separator {
        b':' => quoted_key || site.in_query() || after.tight && after.percent > 0,
        b'|' | b'(' => false,
        _ => after.tight || quoted_key || matches!(after.separator, b' ' | b'>'),
    };
    // A cookie's line begins with a colon: `cookie = jar.get()` is code.
    let is_code = class == Class::Header && after.separator == b'=' && after.percent == 0;
    Context {
        class: match is_code || after.separator == b'(' {
            true => Class::Weak,
            false => class,
        },
        strict,
        quoted: false,
    }
}

/// A value that stands free in a text.
fn free(
    bytes: &[u8],
    at: usize,
    site: &Site,
    after: &After,
    around: Option<Spelled>,
    context: Context,
) -> Option<Found> {
    let seen = &bytes[at..bytes.len().min(at + HEAD)];
    if !seen.starts_with(REDACTED.as_bytes()) && !may_be_secret(seen, context) {
        return None;
    }
    // A value that is none is read no further than its head.
    let head = free_end(bytes, at, bytes.len().min(at + HEAD), after, site, around);
    let repeats = !context.strict && repeats(bytes, site, at, head);
    if repeats || !judged(bytes, at, head, context) {
        return None;
    }
    let end = if head + 8 < at + HEAD {
        head
    } else {
        free_end(bytes, at, bytes.len(), after, site, around)
    };
    // Numbers of JSON: the mark takes quotes, so that it stays JSON.
    let quotes = json_quotes(after).filter(|_| !bytes[at..end].starts_with(REDACTED.as_bytes()));
    Some(Found {
        quotes,
        ..Found::new(at, end)
    })
}

/// How the quotes are spelled around a key of JSON.
fn json_quotes(after: &After) -> Option<Spelling> {
    let closing = after.closing.filter(|_| after.separator == b':')?;
    (closing.byte == b'"' && closing.is_of_json()).then_some(closing.spelling)
}

/// A name that ends as the key does: `password = expected_password`, `credential: Credential`.
fn repeats(bytes: &[u8], site: &Site, at: usize, end: usize) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let value = &bytes[at..end];
    let last = value
        .last()
        .is_some_and(|last| last.eq_ignore_ascii_case(&bytes[site.end - 1]));
    last && value.iter().all(name) && Key::of(value).ends_like(&site.key(bytes))
}

/// A value that begins with a quote at `at`.
fn behind_quote(
    scan: &mut Scan<'_>,
    site: &Site,
    after: &After,
    at: usize,
    mut context: Context,
) -> Option<Found> {
    let bytes = scan.bytes;
    let first = read(bytes, at);
    // `"?token="`, `"--auth="`: a quote that closes, and no value.
    let closes = after.closing.is_none()
        && site.before.is_some_and(|before| before.byte == first.byte)
        && bytes
            .get(at + first.len)
            .is_none_or(|next| !next.is_ascii_alphanumeric());
    if first.spelling == Spelling::Raw && (site.in_query() || closes) {
        return None;
    }
    context.quoted = true;
    let doubled = Spelled {
        len: 2,
        ..Spelled::raw(first.byte)
    };
    let found = if after.closing == Some(doubled) && bytes.get(at + 1) == Some(&first.byte) {
        // In a field of CSV that is quoted itself.
        let end = end_of_quotes(bytes, at + 2, SPELLED, &[first.byte; 2])?;
        taken(bytes, at + 2, end, context)
    } else {
        quoted(scan, at, first, context)
    };
    // Code of Markdown: `ToPrivateKey` => `EncodePrivateKey`.
    let code = first.byte == b'`' && !context.strict;
    found.filter(|found| !code || !repeats(bytes, site, found.start, found.end))
}

/// `Some("x")`, `Token("x")`, `b"x"`: the value is what is quoted. `None` where it is no such thing.
fn in_constructor(scan: &mut Scan<'_>, at: usize, mut context: Context) -> Option<Option<Found>> {
    let bytes = scan.bytes;
    let mut place = at;
    for _ in 0..3 {
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let next = end_of(bytes, place, 32, of_name);
        // `r#"x"#`, `@"x"`, `$'x'`
        let behind = end_of(bytes, next, 3, |byte| b"#@$".contains(&byte));
        let quoted_next = bytes.get(behind).is_some_and(|byte| is_quote(*byte));
        if next <= place + 2 && behind > place && quoted_next {
            place = behind;
        } else if bytes[place].is_ascii_uppercase() && bytes.get(next) == Some(&b'(') {
            place = next + 1;
        } else {
            return None;
        }
        let quote = read(bytes, *(place < bytes.len()).then_some(&place)?);
        if is_quote(quote.byte) {
            context.quoted = true;
            return Some(quoted(scan, place, quote, context));
        }
    }
    None
}

/// A value in brackets: all of it.
fn in_brackets(
    scan: &mut Scan<'_>,
    at: usize,
    after: &After,
    site: &Site,
    context: Context,
) -> Option<Found> {
    let bytes = scan.bytes;
    if after.closing.is_some() && after.separator == b':' {
        if is_schema(bytes, at) || context.class == Class::Header {
            return None;
        }
        let end = json_end(bytes, at);
        let nothing = |byte: &u8| is_space(*byte) || matches!(byte, b']' | b'}');
        let empty = bytes[at + 1..end].iter().all(nothing);
        return (!empty).then_some(Found {
            quotes: json_quotes(after),
            ..Found::new(at, end)
        });
    }
    let worth = context.class != Class::Weak
        && (context.strict || bytes[at] != b'{' && read(bytes, at + 1).byte == b'"');
    if !worth || is_placeholder(&bytes[at..bytes.len().min(at + 64)]) {
        return None;
    }
    let end = bracket_end(scan, at)?;
    if is_placeholder(&bytes[at..end]) {
        return None;
    }
    let around = site.before.filter(|before| is_quote(before.byte));
    let end = free_end(bytes, end, bytes.len(), after, site, around);
    (end > at + 2).then_some(Found::new(at, end))
}

/// The text of an element, up to the next tag.
pub(super) fn in_element(bytes: &[u8], at: usize, mut context: Context) -> Option<Found> {
    let end = skip(bytes, at, usize::MAX, |next| {
        !matches!(next.byte, b'<' | b'\n')
    });
    let tag = read(bytes, end);
    if tag.byte != b'<' || bytes.get(end + tag.len) != Some(&b'/') {
        return None;
    }
    let (start, end) = trimmed(bytes, at, end);
    context.quoted = true;
    taken(bytes, start, end, context)
}

/// The rest of a header's line, or up to the quote that stands around all of it.
fn on_line(bytes: &[u8], at: usize, around: Option<Spelled>, context: Context) -> Option<Found> {
    let head = line_end(&bytes[..bytes.len().min(at + HEAD)], at);
    if !judged(bytes, at, head, context) {
        return None;
    }
    let end = skip(bytes, at, usize::MAX, |next| {
        !around.is_some_and(|quote| quote.is_like(next)) && !is_line_end(next.byte)
    });
    taken(bytes, at, trimmed(bytes, at, end).1, context)
}

/// A cell of a table.
fn in_table(bytes: &[u8], at: usize, mut context: Context) -> Option<Found> {
    let end = skip(bytes, at, SPELLED, |next| {
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
    taken(bytes, start, end, context).filter(|_| !call)
}
