//! What stands before a value: the tags and anchors of YAML. And what it changes to: `"x" -> "y"`.

use std::sync::LazyLock;

use crate::redact::{
    REDACTED,
    looks::Context,
    prose::is_remark,
    quotes::quoted,
    rules::{Class, Words},
    scan::{Found, Scan},
    site::{After, Site},
    spell::{blanks_end, end_of, is_line_end, is_quote, read, skip},
    value::behind,
};

/// The longest tag or anchor, in bytes.
const LONGEST: usize = 32;

/// Tags that say nothing about the value.
static TAGS: LazyLock<Words> = LazyLock::new(|| Words::read("tags"));

/// Tags of a reference to a secret that is kept elsewhere.
static REFERENCES: LazyLock<Words> = LazyLock::new(|| Words::read("references"));

/// What Rust's types begin with.
static TYPES: LazyLock<Words> = LazyLock::new(|| Words::read("types"));

/// The value behind a separator, where it is secret.
pub(super) fn find(scan: &mut Scan<'_>, site: &Site, after: &After, class: Class) -> Option<Found> {
    if is_remark(scan.bytes, site, after) {
        return None;
    }
    match marked(scan, site, after, class) {
        Some(found) => found,
        None => behind(scan, site, after, class),
    }
}

/// The value behind up to two marks: `!vault x`, `!!str &name x`. `None` where there is no mark.
fn marked(scan: &mut Scan<'_>, site: &Site, after: &After, class: Class) -> Option<Option<Found>> {
    let bytes = scan.bytes;
    let (mut at, mut anchor, mut unknown) = (after.at, false, false);
    for _ in 0..2 {
        let Some(end) = mark_end(bytes, at, after) else {
            break;
        };
        let mark = &bytes[at..end];
        if REFERENCES.has(mark) {
            return Some(None);
        }
        anchor |= mark[0] == b'&';
        unknown |= mark[0] == b'!' && !mark.starts_with(b"!!") && !TAGS.has(mark);
        at = blanks_end(bytes, end);
    }
    if at == after.at {
        return None;
    }
    if bytes[at..].starts_with(REDACTED.as_bytes()) {
        return Some(None);
    }
    let found = behind(scan, site, &After { at, ..*after }, class);
    if anchor && !found.is_some_and(|found| ends_line(bytes, found.end)) {
        return None;
    }
    // A password may begin with an exclamation mark.
    let found = found.map(|found| match unknown {
        true => Found::new(after.at, found.end),
        false => found,
    });
    (found.is_some() || !unknown).then_some(found)
}

/// Where the mark ends that stands at `at` and has something behind it.
fn mark_end(bytes: &[u8], at: usize, after: &After) -> Option<usize> {
    let first = *bytes.get(at)?;
    let standard = bytes[at..].starts_with(b"!!");
    let yaml = after.separator == b':' && !after.tight && after.closing.is_none();
    if !(standard || yaml && matches!(first, b'!' | b'&')) {
        return None;
    }
    let of_mark = |byte: u8| byte.is_ascii_alphanumeric() || b"_-!/".contains(&byte);
    let end = end_of(bytes, at + 1, LONGEST - 1, of_mark);
    let next = blanks_end(bytes, end);
    let given = next > end && next < bytes.len() && read(bytes, next).byte != b'\n';
    let named = bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    (given && (named || standard) && !TYPES.has(&bytes[at..end])).then_some(end)
}

/// Nothing but a quote and a comment stands behind a value on its line.
fn ends_line(bytes: &[u8], end: usize) -> bool {
    let end = skip(bytes, end, 1, |next| is_quote(next.byte));
    let rest = blanks_end(bytes, end);
    is_line_end(read(bytes, rest).byte) || rest > end && bytes[rest] == b'#'
}

/// What a plan changes a value to: `password = "x" -> "y"`, also where `x` is none.
pub(super) fn changed(
    scan: &mut Scan<'_>,
    after: &After,
    class: Class,
    found: Option<Found>,
) -> Option<Found> {
    let bytes = scan.bytes;
    if !matches!(after.separator, b'=' | b':') {
        return None;
    }
    let first = read(bytes, after.at);
    let opens = is_quote(first.byte);
    let mut at = match found {
        Some(found) => found.end,
        None if opens => skip(bytes, after.at + first.len, 2 * LONGEST, |next| {
            next.byte != first.byte
        }),
        None => end_of(bytes, after.at, LONGEST, |byte| {
            byte.is_ascii_alphabetic() || b"()".contains(&byte)
        }),
    };
    at = skip(bytes, at, 1, |next| opens && next.byte == first.byte);
    at = blanks_end(bytes, at);
    for arrow in [b"-=".as_slice(), b">"] {
        let next = read(bytes, at);
        if !arrow.contains(&next.byte) {
            return None;
        }
        at += next.len;
    }
    at = blanks_end(bytes, at);
    let quote = read(bytes, at);
    let context = Context {
        quoted: true,
        ..Context::strict(class)
    };
    (is_quote(quote.byte) && quote.is_of_json())
        .then(|| quoted(scan, at, quote, context))
        .flatten()
}
