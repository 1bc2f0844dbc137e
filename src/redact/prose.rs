//! Remarks about a secret in place of its value: `not set`, `2048 bits`, `bitte eingeben`.

use std::sync::LazyLock;

use crate::redact::{
    encoded_char::{end_while, is_quote, line_end, read_char},
    key_span::{KeySpan, Separator},
    rules::Words,
};

/// Number of bytes of a value that are checked.
const HEAD: usize = 64;

/// Credential modes of browser requests.
static MODES: LazyLock<Words> = LazyLock::new(|| Words::load("modes"));

/// Pseudo-classes of CSS.
static PSEUDO: LazyLock<Words> = LazyLock::new(|| Words::load("pseudo"));

/// First words of a request for a value. One in Latin letters must be followed by another word.
static REQUESTS: LazyLock<Words> = LazyLock::new(|| Words::load("requests"));

/// Words that follow `not`.
static NOT: LazyLock<Words> = LazyLock::new(|| Words::load("not"));

static UNITS: LazyLock<Words> = LazyLock::new(|| Words::load("units"));

/// Names of authentication schemes, which start credentials rather than sentences.
static SCHEMES: LazyLock<Words> = LazyLock::new(|| Words::load("schemes"));

/// True if the value behind a colon is a remark.
pub(super) fn is_remark(bytes: &[u8], span: &KeySpan, separator: &Separator) -> bool {
    if separator.byte != b':' || separator.closing.is_some() || separator.end >= bytes.len() {
        return false;
    }
    let first = read_char(bytes, separator.end);
    let quote = if is_quote(first.byte) { first.len } else { 0 };
    let text = &bytes[separator.end + quote..bytes.len().min(separator.end + quote + HEAD)];
    let (name, rest) = split(text, |byte| byte.is_ascii_lowercase() || byte == b'-');
    if bytes[span.start..span.end].eq_ignore_ascii_case(b"credentials") {
        return MODES.has(name) && ends(rest);
    }
    if quote > 0 {
        return false;
    }
    if separator.tight && PSEUDO.has(name) {
        return rest
            .first()
            .is_none_or(|next| b" {,.:>+~()[\n".contains(next));
    }
    let letters = |byte: u8| byte.is_ascii_alphabetic();
    let (word, rest) = split(text, letters);
    let goes_on = matches!(rest, [b' ', rest @ ..] if !ends(rest));
    let asks = |request: &str| {
        let rest = text.strip_prefix(request.as_bytes());
        rest.is_some_and(ends)
    };
    if goes_on && REQUESTS.has_any_case(word) || text[0] >= 0x80 && REQUESTS.iter().any(asks) {
        return true;
    }
    if let Some(rest) = text.strip_prefix(b"not ") {
        let (next, rest) = split(rest, letters);
        return NOT.has(next) && ends(rest);
    }
    let (digits, rest) = split(text, |byte| byte.is_ascii_digit());
    let [b' ' | b'-', rest @ ..] = rest else {
        return false;
    };
    let (unit, rest) = split(rest, letters);
    (1..6).contains(&digits.len()) && UNITS.has(unit) && ends(rest)
}

/// True if the value of a header is a sentence: `cookies: 3 set`, `authorization: denied for user ann`.
pub(super) fn is_sentence(bytes: &[u8], span: &KeySpan, at: usize) -> bool {
    let head = &bytes[..bytes.len().min(at + HEAD)];
    let line = head[at..line_end(head, at)].trim_ascii_end();
    let mut words = line.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let plain = |word: &[u8]| {
        let stop = word.iter().rposition(|byte| !b".,".contains(byte));
        let word = &word[..stop.map_or(0, |stop| stop + 1)];
        let number = word.len() <= 4 && word.iter().all(u8::is_ascii_digit);
        !word.is_empty() && (number || word.iter().all(u8::is_ascii_lowercase))
    };
    let cookie = bytes[span.start..span.end].to_ascii_lowercase();
    let fewest = if cookie.ends_with(b"cookie") || cookie.ends_with(b"cookies") {
        1
    } else {
        2
    };
    let rest: Vec<&[u8]> = words.take(2).collect();
    rest.len() >= fewest
        && plain(first)
        && rest.iter().all(|word| plain(word))
        && rest[0].iter().all(u8::is_ascii_lowercase)
        && !SCHEMES.has(first)
        && !line.contains(&b'=')
}

/// Splits the text behind the leading bytes that satisfy `is`.
fn split(text: &[u8], is: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(end_while(text, 0, HEAD, is))
}

/// True at the end of a word.
fn ends(rest: &[u8]) -> bool {
    rest.first()
        .is_none_or(|next| !next.is_ascii_alphanumeric())
}
