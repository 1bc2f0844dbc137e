//! How far the value of a key goes in a text.

use crate::redact::REDACTED;

/// Where a value stands, which says what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// In any text: up to a blank, or to what begins the next pair.
    Free,
    /// In a URL's query.
    InQuery,
    /// In a header: all of the line.
    OnLine,
    /// In a header that stands in quotes.
    UpTo(u8),
}

/// What is said where there is no value.
const NOTHING: &[&str] = &["null", "none", "nil", "undefined", "true", "false"];

/// Where the value that follows at `at` begins and ends, without its quotes; `None` where there is none.
pub(super) fn span(text: &str, at: usize, stands: Stands) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let blanks = bytes[at..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let start = at + blanks;
    let (start, end) = match quotes(bytes, start) {
        Some((quote, escapes)) => {
            let start = start + escapes + 1;
            (start, quoted_end(bytes, start, quote, escapes).0)
        }
        None => {
            let end = match stands {
                Stands::Free => free_end(bytes, start),
                Stands::InQuery => query_end(bytes, start),
                Stands::OnLine => line_end(bytes, start, None),
                Stands::UpTo(quote) => line_end(bytes, start, Some(quote)),
            };
            (start, end)
        }
    };
    let value = &text[start..end];
    let nothing = value.is_empty() || NOTHING.iter().any(|word| word.eq_ignore_ascii_case(value));
    (!nothing).then_some((start, end))
}

/// The quote that stands at `at`, and how many backslashes stand before it.
fn quotes(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let escapes = bytes[at..]
        .iter()
        .take_while(|byte| **byte == b'\\')
        .count();
    let quote = *bytes.get(at + escapes)?;
    is_quote(quote).then_some((quote, escapes))
}

/// Where the text in quotes ends, and where what follows begins.
///
/// The quote that ends it has no more backslashes before it than the one that began it. A text that is
/// not ended goes on to the end.
fn quoted_end(bytes: &[u8], start: usize, quote: u8, escapes: usize) -> (usize, usize) {
    let mut backslashes = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        if *byte == quote && backslashes <= escapes {
            return (at - backslashes, at + 1);
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
    }
    (bytes.len(), bytes.len())
}

/// `value`, `[several, values]`, `Some("value")`: without what closes around it, and full stops.
fn free_end(bytes: &[u8], start: usize) -> usize {
    let mut at = after_mark(bytes, start);
    let mut end = at;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                end = at + 1;
            }
            b')' | b']' | b'}' if depth > 0 => {
                depth -= 1;
                end = at + 1;
            }
            b')' | b']' | b'}' | b'.' => {}
            _ if is_quote(*byte) => {
                let prefix = at == start + 1 && bytes[start].is_ascii_alphabetic();
                if depth == 0 && !prefix {
                    break;
                }
                let before = bytes[start..at].iter().rev();
                let escapes = before.take_while(|byte| **byte == b'\\').count();
                at = quoted_end(bytes, at + 1, *byte, escapes).1;
                end = at;
                continue;
            }
            _ if depth > 0 => end = at + 1,
            b' ' | b'\t' | b'\n' | b'\r' => break,
            b'&' | b';' | b',' => {
                if begins_next(&bytes[at + 1..]) {
                    break;
                }
                // Kept where the value goes on after it.
            }
            b'\\' if quotes(bytes, at).is_some() => break,
            b'<' if bytes.get(at + 1) == Some(&b'/') => break,
            _ => end = at + 1,
        }
        at += 1;
    }
    end
}

/// True when what follows is the end, a blank, a quote, or the next `name=`.
fn begins_next(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else {
        return true;
    };
    if first.is_ascii_whitespace() || is_quote(*first) || *first == b'\\' {
        return true;
    }
    let name = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.%[]".contains(byte))
        .count();
    name > 0 && matches!(bytes.get(name), Some(b'=' | b':'))
}

fn query_end(bytes: &[u8], start: usize) -> usize {
    let at = after_mark(bytes, start);
    let length = bytes[at..]
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace() && !b"&#\"'`<>\\".contains(byte))
        .count();
    let value = &bytes[at..at + length];
    let closing = value
        .iter()
        .rev()
        .take_while(|byte| b")]},.".contains(byte))
        .count();
    at + length - closing
}

fn line_end(bytes: &[u8], start: usize, quote: Option<u8>) -> usize {
    let length = bytes[start..]
        .iter()
        .take_while(|byte| !matches!(byte, b'\r' | b'\n') && Some(**byte) != quote)
        .count();
    let line = &bytes[start..start + length];
    let blanks = line
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    start + length - blanks
}

/// What was redacted already is passed over, so that its bracket is not taken for the text's.
fn after_mark(bytes: &[u8], at: usize) -> usize {
    if bytes[at..].starts_with(REDACTED.as_bytes()) {
        at + REDACTED.len()
    } else {
        at
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
