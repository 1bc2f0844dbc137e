//! Values on the lines below their key.

use crate::redact::{
    REDACTED,
    bounds::{MAX_ENCODED, trimmed},
    encoded_char::{
        EncodedChar, Encoding, INVISIBLE, end_while, is_line_end, is_quote, read_char, skip_blanks,
        skip_while, start_while,
    },
    heuristics::Context,
    key_span::{KeySpan, Separator},
    quotes::{quoted, secret_between},
    rules::Class,
    scan::{Scan, SecretSpan},
};

/// Finds a YAML block: the lines behind `|` or `>` that are indented more than the key. Line feeds may be escaped.
pub(super) fn yaml_block(
    bytes: &[u8],
    span: &KeySpan,
    separator: &Separator,
    at: usize,
    class: Class,
) -> Option<SecretSpan> {
    if separator.byte != b':' || !matches!(bytes[at], b'|' | b'>') || class == Class::Digits {
        return None;
    }
    let of_mark = |byte: u8| matches!(byte, b'-' | b'+' | b'0'..=b'9');
    let mut line = end_while(bytes, at + 1, 3, of_mark);
    let feed = read_char(bytes, line);
    let mut indent = span.start - start_while(bytes, span.start, 128, |byte| byte == b' ');
    let (mut start, mut end) = (None, line);
    while let Some(next) = line_feed(bytes, line) {
        let text = end_while(bytes, next, usize::MAX, |byte| byte == b' ');
        line = written_line_end(bytes, text, feed);
        if text < line {
            if text - next <= indent {
                break;
            }
            // Later lines are indented at least as much as the first.
            indent = indent.max(text - next - 1);
            start = start.or(Some(text));
            end = trimmed(bytes, text, line).1;
        }
    }
    let start = start?;
    (bytes[start..end] != *REDACTED.as_bytes()).then_some(SecretSpan::new(start, end))
}

/// Returns the start of the next line if this one ends at `at`.
fn line_feed(bytes: &[u8], at: usize) -> Option<usize> {
    let feed = |at: usize| {
        let next = read_char(bytes, at);
        (at < bytes.len() && is_line_end(next.byte)).then_some(at + next.len)
    };
    let next = feed(at)?;
    // `\r\n`
    let carriage = matches!(bytes[next - 1], b'r' | b'R' | b'\r');
    Some(feed(next).filter(|_| carriage).unwrap_or(next))
}

/// Returns the end of a line: a line feed, or the closing quote of the string in which line feeds are encoded like `feed`.
fn written_line_end(bytes: &[u8], at: usize, feed: EncodedChar) -> usize {
    let level = |char: EncodedChar| match char.encoding {
        Encoding::Escaped(level) => level,
        _ => 0,
    };
    skip_while(bytes, at, usize::MAX, |next| {
        let closes = next.byte == b'"' && level(next) < level(feed);
        !closes && !is_line_end(next.byte)
    })
}

/// Finds a value alone on the line below `password:`.
pub(super) fn on_next_line(
    scan: &mut Scan<'_>,
    at: usize,
    separator: &Separator,
    class: Class,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    let sure = separator.byte == b':' && class == Class::Strong;
    if !matches!(separator.byte, b':' | b'=') || !matches!(class, Class::Strong | Class::Weak) {
        return None;
    }
    let mut start = at;
    for _ in 0..2 {
        start = skip_while(bytes, start, usize::MAX, |next| is_line_end(next.byte));
        start = skip_blanks(bytes, start);
    }
    if start >= bytes.len() || start > at + 64 {
        return None;
    }
    let quote = read_char(bytes, start);
    let mut context = Context {
        class,
        strict: false,
        quoted: true,
    };
    if is_quote(quote.byte) && sure {
        return quoted(scan, start, quote, context);
    }
    let mut end = start;
    while end < bytes.len().min(start + MAX_ENCODED) {
        let next = read_char(bytes, end);
        let behind = bytes.get(end + 1);
        match next.byte {
            b'\n' | b'\r' => break,
            // The end of a JSON string.
            b'"' if !sure && next.encoding == Encoding::Raw => break,
            // The next setting: `PORT=1`.
            b'=' if !sure && behind.is_some_and(|next| !b"=\n\r\"".contains(next)) => return None,
            b' ' | b'\t' | b':' | b'<' | b'{' | b'(' | b'"' | INVISIBLE => return None,
            _ => end += next.len,
        }
    }
    // Excludes words of prose and list items.
    let value = &bytes[start..end];
    let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    if !mixed || b"-#*/".contains(&value[0]) {
        return None;
    }
    if !sure {
        (context.class, context.quoted) = (Class::Weak, false);
    }
    secret_between(bytes, start, end, context)
}
