//! Secrets that stand under a key in a text: `key=value`, `key: value`, `"key": "value"`, `--key value`,
//! `<key>value</key>`, `("key", "value")`, a URL's query, a header.

use std::borrow::Cow;

use crate::redact::{
    REDACTED, Rules,
    keys::Key,
    percent,
    value::{self, Stands},
};

/// How far before a separator a key is looked for, in bytes.
const REACH: usize = 96;

/// The most words that make up a key: `social security number`.
const WORDS: usize = 3;

/// Finds the first secret at or after `from`: where its value begins and ends. What stands before `from`
/// is not looked at.
pub(super) fn find(rules: &Rules, text: &str, mut from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        let found = match byte {
            b'=' | b':' => {
                let end = separator_end(bytes, at);
                let found = (&text[at..end] != "::")
                    .then(|| assigned(rules, text, from, at, end))
                    .flatten();
                at = end;
                found
            }
            b'>' => {
                at += 1;
                in_element(rules, text, from, at)
            }
            b',' => {
                at += 1;
                in_tuple(rules, text, from, at)
            }
            b'-' if is_option(bytes, at) => {
                let end = at + 2 + key_length(&bytes[at + 2..]);
                let found = option(rules, text, at + 2, end);
                at = end.max(at + 1);
                found
            }
            _ => {
                at += 1;
                None
            }
        };
        match found {
            Some((start, end)) if &text[start..end] == REDACTED => {
                from = end;
                at = end.max(at);
            }
            Some(found) => return Some(found),
            None => {}
        }
    }
    None
}

/// `key=value`, the separator being at `at..end`.
fn assigned(
    rules: &Rules,
    text: &str,
    from: usize,
    at: usize,
    end: usize,
) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let floor = from.max(text.floor_char_boundary(at.saturating_sub(REACH)));
    let key_end = floor
        + bytes[floor..at]
            .iter()
            .rposition(|byte| !b" \t\"'`\\]!".contains(byte))?
        + 1;
    let mut start = key_start(bytes, floor, key_end);
    if start == key_end {
        return None;
    }
    let key = key_of(&text[start..key_end]);
    let before = start.checked_sub(1).map(|before| bytes[before]);
    let mut secret = rules.is_secret(&key);
    for _ in 1..WORDS {
        // One more word to the left, parted by one blank.
        if start <= floor + 1 || bytes[start - 1] != b' ' {
            break;
        }
        let longer = key_start(bytes, floor, start - 1);
        if longer == start - 1 {
            break;
        }
        start = longer;
        let phrase = key_of(&text[start..key_end]);
        if rules.is_harmless(&phrase) {
            return None;
        }
        secret |= rules.is_secret_phrase(&phrase);
    }
    if !secret {
        return None;
    }
    let stands = match before {
        Some(b'?' | b'&') => Stands::InQuery,
        Some(quote @ (b'"' | b'\'' | b'`')) if key.is_header() => Stands::UpTo(quote),
        _ if key.is_header() => Stands::OnLine,
        _ => Stands::Free,
    };
    value::span(text, end, stands)
}

/// `<key>value</key>`, the text of the element beginning at `at`.
fn in_element(rules: &Rules, text: &str, from: usize, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let floor = from.max(text.floor_char_boundary(at.saturating_sub(REACH)));
    let end = at.checked_sub(1).filter(|end| *end > floor)?;
    let start = key_start(bytes, floor, end);
    let opened = start > floor && matches!(bytes[start - 1], b'<' | b':');
    if !opened || !rules.is_secret(&key_of(&text[start..end])) {
        return None;
    }
    let length = text[at..].find('<').unwrap_or(text.len() - at);
    (!text[at..at + length].trim().is_empty()).then_some((at, at + length))
}

/// `("key", "value")` and `["key", "value"]`, what follows the comma beginning at `at`.
fn in_tuple(rules: &Rules, text: &str, from: usize, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let floor = from.max(text.floor_char_boundary(at.saturating_sub(REACH)));
    let opening = text[floor..at - 1].strip_suffix(is_quote)?;
    let end = floor + opening.trim_end_matches('\\').len();
    let start = key_start(bytes, floor, end);
    let before = text[floor..start]
        .strip_suffix(is_quote)?
        .trim_end_matches('\\');
    if !before.ends_with(['(', '[']) || !rules.is_secret(&key_of(&text[start..end])) {
        return None;
    }
    let value = text[at..].trim_start_matches([' ', '\\']);
    value
        .starts_with(is_quote)
        .then(|| value::span(text, at, Stands::Free))
        .flatten()
}

/// `--key value`, the key being at `start..end`.
fn option(rules: &Rules, text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let value_follows = bytes.get(end) == Some(&b' ') && bytes.get(end + 1) != Some(&b'-');
    (value_follows && rules.is_secret(&key_of(&text[start..end])))
        .then(|| value::span(text, end, Stands::Free))
        .flatten()
}

fn is_option(bytes: &[u8], at: usize) -> bool {
    bytes.get(at + 1) == Some(&b'-')
        && (at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'`'))
}

/// `=`, `:`, `==`, `:=`, `=>`.
fn separator_end(bytes: &[u8], at: usize) -> usize {
    let run = bytes[at..]
        .iter()
        .take_while(|byte| matches!(byte, b'=' | b':'))
        .count();
    let arrow = bytes.get(at + run) == Some(&b'>');
    at + run + usize::from(arrow)
}

fn key_start(bytes: &[u8], floor: usize, end: usize) -> usize {
    let length = bytes[floor..end]
        .iter()
        .rev()
        .take_while(|byte| is_of_key(**byte))
        .count();
    end - length
}

fn key_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_of_key(**byte)).count()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.+%".contains(&byte) || !byte.is_ascii()
}

fn key_of(text: &str) -> Key {
    let decoded = if text.contains('%') {
        percent::decoded(text)
    } else {
        Cow::Borrowed(text)
    };
    Key::of(&decoded)
}
