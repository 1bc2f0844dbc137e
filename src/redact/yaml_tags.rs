//! YAML tags and anchors before a value, and the new value in a diff: `"x" -> "y"`.

use std::sync::LazyLock;

use crate::redact::{
    REDACTED,
    encoded_char::{end_while, is_line_end, is_quote, read_char, skip_blanks, skip_while},
    heuristics::Context,
    key_span::{KeySpan, Separator},
    prose::is_remark,
    quotes::quoted,
    rules::{Class, Words},
    scan::{Scan, SecretSpan},
    value::value_after,
};

/// Maximum length of a tag or anchor in bytes.
const MAX_TAG: usize = 32;

/// Tags that do not change the meaning of the value.
static TAGS: LazyLock<Words> = LazyLock::new(|| Words::load("tags"));

/// Tags of references to a secret stored elsewhere.
static REFERENCES: LazyLock<Words> = LazyLock::new(|| Words::load("references"));

/// Prefixes of Rust types.
static TYPES: LazyLock<Words> = LazyLock::new(|| Words::load("types"));

/// Finds the secret value behind a separator.
pub(super) fn value(
    scan: &mut Scan<'_>,
    span: &KeySpan,
    separator: &Separator,
    class: Class,
) -> Option<SecretSpan> {
    if is_remark(scan.bytes, span, separator) {
        return None;
    }
    match tagged_value(scan, span, separator, class) {
        Some(found) => found,
        None => value_after(scan, span, separator, class),
    }
}

/// Finds the value behind up to two tags or anchors: `!vault x`, `!!str &name x`. `None` if there is no tag.
fn tagged_value(
    scan: &mut Scan<'_>,
    span: &KeySpan,
    separator: &Separator,
    class: Class,
) -> Option<Option<SecretSpan>> {
    let bytes = scan.bytes;
    let (mut at, mut anchor, mut unknown) = (separator.end, false, false);
    for _ in 0..2 {
        let Some(end) = tag_end(bytes, at, separator) else {
            break;
        };
        let tag = &bytes[at..end];
        if REFERENCES.has(tag) {
            return Some(None);
        }
        anchor |= tag[0] == b'&';
        unknown |= tag[0] == b'!' && !tag.starts_with(b"!!") && !TAGS.has(tag);
        at = skip_blanks(bytes, end);
    }
    if at == separator.end {
        return None;
    }
    if bytes[at..].starts_with(REDACTED.as_bytes()) {
        return Some(None);
    }
    let found = value_after(
        scan,
        span,
        &Separator {
            end: at,
            ..*separator
        },
        class,
    );
    if anchor && !found.is_some_and(|found| ends_line(bytes, found.end)) {
        return None;
    }
    // A password may begin with an exclamation mark.
    let found = found.map(|found| match unknown {
        true => SecretSpan::new(separator.end, found.end),
        false => found,
    });
    (found.is_some() || !unknown).then_some(found)
}

/// Returns the end of a tag or anchor at `at` that is followed by a value.
fn tag_end(bytes: &[u8], at: usize, separator: &Separator) -> Option<usize> {
    let first = *bytes.get(at)?;
    let standard = bytes[at..].starts_with(b"!!");
    let yaml = separator.byte == b':' && !separator.tight && separator.closing.is_none();
    if !(standard || yaml && matches!(first, b'!' | b'&')) {
        return None;
    }
    let of_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"_-!/".contains(&byte);
    let end = end_while(bytes, at + 1, MAX_TAG - 1, of_tag);
    let next = skip_blanks(bytes, end);
    let given = next > end && next < bytes.len() && read_char(bytes, next).byte != b'\n';
    let named = bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    (given && (named || standard) && !TYPES.has(&bytes[at..end])).then_some(end)
}

/// True if only a quote and a comment follow the value on its line.
fn ends_line(bytes: &[u8], end: usize) -> bool {
    let end = skip_while(bytes, end, 1, |next| is_quote(next.byte));
    let rest = skip_blanks(bytes, end);
    is_line_end(read_char(bytes, rest).byte) || rest > end && bytes[rest] == b'#'
}

/// Finds the new value in a diff: `password = "x" -> "y"`, even if `x` is not a secret.
pub(super) fn changed_value(
    scan: &mut Scan<'_>,
    separator: &Separator,
    class: Class,
    found: Option<SecretSpan>,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    if !matches!(separator.byte, b'=' | b':') {
        return None;
    }
    let first = read_char(bytes, separator.end);
    let opens = is_quote(first.byte);
    let mut at = match found {
        Some(found) => found.end,
        None if opens => skip_while(bytes, separator.end + first.len, 2 * MAX_TAG, |next| {
            next.byte != first.byte
        }),
        None => end_while(bytes, separator.end, MAX_TAG, |byte| {
            byte.is_ascii_alphabetic() || b"()".contains(&byte)
        }),
    };
    at = skip_while(bytes, at, 1, |next| opens && next.byte == first.byte);
    at = skip_blanks(bytes, at);
    for arrow in [b"-=".as_slice(), b">"] {
        let next = read_char(bytes, at);
        if !arrow.contains(&next.byte) {
            return None;
        }
        at += next.len;
    }
    at = skip_blanks(bytes, at);
    let quote = read_char(bytes, at);
    let context = Context {
        quoted: true,
        ..Context::strict(class)
    };
    (is_quote(quote.byte) && quote.is_json_quote())
        .then(|| quoted(scan, at, quote, context))
        .flatten()
}
