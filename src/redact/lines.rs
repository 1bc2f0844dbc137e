//! Values on the lines below their key.

use crate::redact::{
    REDACTED,
    bounds::{SPELLED, trimmed},
    looks::Context,
    quotes::{quoted, taken},
    rules::Class,
    scan::{Found, Scan},
    site::{After, Site},
    spell::{
        INVISIBLE, Spelled, Spelling, blanks_end, end_of, is_line_end, is_quote, read, skip,
        start_of,
    },
};

/// A YAML block: the lines behind `|` or `>` that are indented more than the key. Line feeds may be written out.
pub(super) fn block(
    bytes: &[u8],
    site: &Site,
    after: &After,
    at: usize,
    class: Class,
) -> Option<Found> {
    if after.separator != b':' || !matches!(bytes[at], b'|' | b'>') || class == Class::Digits {
        return None;
    }
    let of_mark = |byte: u8| matches!(byte, b'-' | b'+' | b'0'..=b'9');
    let mut line = end_of(bytes, at + 1, 3, of_mark);
    let feed = read(bytes, line);
    let mut indent = site.start - start_of(bytes, site.start, 128, |byte| byte == b' ');
    let (mut start, mut end) = (None, line);
    while let Some(next) = line_feed(bytes, line) {
        let text = end_of(bytes, next, usize::MAX, |byte| byte == b' ');
        line = written_line_end(bytes, text, feed);
        if text < line {
            if text - next <= indent {
                break;
            }
            // As far as the first line at least.
            indent = indent.max(text - next - 1);
            start = start.or(Some(text));
            end = trimmed(bytes, text, line).1;
        }
    }
    let start = start?;
    (bytes[start..end] != *REDACTED.as_bytes()).then_some(Found::new(start, end))
}

/// Where the next line begins, if this one ends at `at`.
fn line_feed(bytes: &[u8], at: usize) -> Option<usize> {
    let feed = |at: usize| {
        let next = read(bytes, at);
        (at < bytes.len() && is_line_end(next.byte)).then_some(at + next.len)
    };
    let next = feed(at)?;
    // `\r\n`
    let carriage = matches!(bytes[next - 1], b'r' | b'R' | b'\r');
    Some(feed(next).filter(|_| carriage).unwrap_or(next))
}

/// Where a line ends: before a line feed, or the quote of the string in which line feeds are written as `feed` is.
fn written_line_end(bytes: &[u8], at: usize, feed: Spelled) -> usize {
    let level = |spelled: Spelled| match spelled.spelling {
        Spelling::Escaped(level) => level,
        _ => 0,
    };
    skip(bytes, at, usize::MAX, |next| {
        let closes = next.byte == b'"' && level(next) < level(feed);
        !closes && !is_line_end(next.byte)
    })
}

/// `password:` and the value alone on the next line.
pub(super) fn on_next_line(
    scan: &mut Scan<'_>,
    at: usize,
    after: &After,
    class: Class,
) -> Option<Found> {
    let bytes = scan.bytes;
    let sure = after.separator == b':' && class == Class::Strong;
    if !matches!(after.separator, b':' | b'=') || !matches!(class, Class::Strong | Class::Weak) {
        return None;
    }
    let mut start = at;
    for _ in 0..2 {
        start = skip(bytes, start, usize::MAX, |next| is_line_end(next.byte));
        start = blanks_end(bytes, start);
    }
    if start >= bytes.len() || start > at + 64 {
        return None;
    }
    let quote = read(bytes, start);
    let mut context = Context {
        class,
        strict: false,
        quoted: true,
    };
    if is_quote(quote.byte) && sure {
        return quoted(scan, start, quote, context);
    }
    let mut end = start;
    while end < bytes.len().min(start + SPELLED) {
        let next = read(bytes, end);
        let behind = bytes.get(end + 1);
        match next.byte {
            b'\n' | b'\r' => break,
            // A string of JSON ends.
            b'"' if !sure && next.spelling == Spelling::Raw => break,
            // The next setting: `PORT=1`.
            b'=' if !sure && behind.is_some_and(|next| !b"=\n\r\"".contains(next)) => return None,
            b' ' | b'\t' | b':' | b'<' | b'{' | b'(' | b'"' | INVISIBLE => return None,
            _ => end += next.len,
        }
    }
    // A word of prose or the next item of a list is none.
    let value = &bytes[start..end];
    let mixed = value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    if !mixed || b"-#*/".contains(&value[0]) {
        return None;
    }
    if !sure {
        (context.class, context.quoted) = (Class::Weak, false);
    }
    taken(bytes, start, end, context)
}
