//! Ends of values: at a quote, a bracket, the end of the line, or the start of the next pair.

use crate::redact::{
    REDACTED,
    encoded_char::{EncodedChar, Encoding, INVISIBLE, end_while, is_quote, read_char, skip_while},
    key_span::{KeySpan, Separator},
    scan::Scan,
};

/// Maximum length of a value in brackets other than JSON's, in bytes.
const MAX_BRACKETS: usize = 256;

/// Maximum length of a value in encoded quotes, in bytes.
pub(super) const MAX_ENCODED: usize = 512;

/// Returns the closing quote of a value: a quote with as many backslashes as the opening one, on the same line.
pub(super) fn closing_quote(
    scan: &mut Scan<'_>,
    start: usize,
    quote: EncodedChar,
) -> Option<usize> {
    let bytes = scan.bytes;
    let level = quote.len - 1;
    let apostrophe = quote.byte == b'\'';
    if apostrophe && start < scan.memo.apostrophe {
        return None;
    }
    let (mut at, mut slashes) = (start, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'\\' {
            slashes += 1;
        } else if byte == quote.byte && (slashes % (2 * (level + 1)) == level || slashes < level) {
            // `'a''x'` and `"a""x"`: doubled quotes are part of the value. They never occur in JSON.
            let doubled =
                level == 0 && slashes == 0 && at > start && bytes.get(at + 1) == Some(&byte);
            if !doubled || bytes[start..at] == *REDACTED.as_bytes() {
                return Some(at - slashes.min(level));
            }
            at += 1;
        } else if byte == b'\n' || byte == b'\'' && !apostrophe && at - start > 1 << 20 {
            break;
        } else {
            slashes = 0;
        }
        at += 1;
    }
    if apostrophe && !bytes[start..at].contains(&b'\'') {
        scan.memo.apostrophe = at;
    }
    None
}

/// Returns the next quote in the same encoding.
pub(super) fn matching_quote(bytes: &[u8], start: usize, quote: EncodedChar) -> Option<usize> {
    let feed = EncodedChar::raw(b'\n');
    let end = skip_while(bytes, start, MAX_ENCODED, |next| {
        !next.is_same(quote) && !next.is_same(feed)
    });
    let closes = end < bytes.len().min(start + MAX_ENCODED) && read_char(bytes, end).is_same(quote);
    closes.then_some(end)
}

/// Returns the end of a JSON array or object, or of the text if it is truncated.
pub(super) fn json_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at, mut inside) = (0_usize, start, false);
    while at < bytes.len() {
        match bytes[at] {
            // In JSON nested in a string, every quote is escaped.
            b'\\' if inside => {
                at = end_while(bytes, at, usize::MAX, |byte| byte == b'\\');
                continue;
            }
            b'"' => inside = !inside && (at == 0 || bytes[at - 1] != b'\\'),
            b'[' | b'{' | b'(' if !inside => depth += 1,
            b']' | b'}' | b')' if !inside => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Returns the end of the brackets that open at `at`, on the same line.
pub(super) fn bracket_end(scan: &mut Scan<'_>, at: usize) -> Option<usize> {
    let bytes = scan.bytes;
    let mut depth = 0_usize;
    let limit = bytes.len().min(at + MAX_BRACKETS);
    let from = at.max(scan.memo.unclosed);
    let mut closes = false;
    for (place, byte) in bytes[..limit].iter().enumerate().skip(from) {
        match byte {
            b'[' | b'{' | b'(' if depth < 16 => depth += 1,
            b']' | b'}' | b')' => {
                closes = true;
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(place + 1);
                }
            }
            b'\n' | b'[' | b'{' | b'(' => break,
            _ => {}
        }
    }
    if !closes {
        scan.memo.unclosed = limit;
    }
    None
}

/// Returns the end of an unquoted value: before a blank, a quote or the next pair, excluding brackets that close around it
/// and full stops.
pub(super) fn unquoted_end(
    bytes: &[u8],
    start: usize,
    limit: usize,
    separator: &Separator,
    span: &KeySpan,
    around: Option<EncodedChar>,
) -> usize {
    let mut at = start;
    if bytes[at..].starts_with(REDACTED.as_bytes()) {
        at += REDACTED.len();
    }
    let mut end = at;
    let mut depth = 0_u32;
    while at < limit {
        let plain = end_while(bytes, at, limit - at, |byte| byte.is_ascii_alphanumeric());
        if plain > at {
            (at, end) = (plain, plain);
            continue;
        }
        let next = read_char(bytes, at);
        let behind = bytes.get(at + next.len);
        let ends = behind.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let is_percent = matches!(next.encoding, Encoding::Percent(_));
        // An encoded character in an unencoded value is part of it.
        let foreign = is_percent && next.encoding != Encoding::Percent(separator.percent);
        match next.byte {
            _ if foreign => end = at + next.len,
            INVISIBLE | b' ' | b'\t' | b'\n' | b'\r' => break,
            b'+' if separator.percent > 0 => break,
            b'"' | b'\'' | b'`' => {
                let closes = around.is_some_and(|quote| quote.byte == next.byte);
                let inside = next.is_same(EncodedChar::raw(b'\'')) && at > start && !ends;
                if closes || !inside {
                    break;
                }
                end = at + 1;
            }
            b'&' | b'#' if span.in_query() || is_percent => break,
            b'&' | b';' | b',' if begins_next_pair(&bytes[at + next.len..]) => break,
            b'&' | b';' | b',' => {}
            b'(' | b'[' | b'{' => {
                depth += 1;
                end = at + next.len;
            }
            b')' | b']' | b'}' if depth > 0 => {
                depth -= 1;
                end = at + next.len;
            }
            b'<' if next.encoding == Encoding::Code
                || behind.is_some_and(|byte| *byte == b'/' || byte.is_ascii_alphabetic()) =>
            {
                break;
            }
            b'>' if ends => break,
            b')' | b']' | b'}' | b'.' => {}
            b'*' if separator.emphasis || bytes[at..].starts_with(b"**") && ends => {}
            _ => end = at + next.len,
        }
        at += next.len;
    }
    end.max(start)
}

/// True at the end, and before a blank, a quote, or the next `name=`.
fn begins_next_pair(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else {
        return true;
    };
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.%[]".contains(&byte);
    let name = end_while(bytes, 0, 64, of_name);
    // `;Persist Security Info=True`
    let words = end_while(bytes, 0, 64, |byte| {
        byte.is_ascii_alphabetic() || byte == b' '
    });
    first.is_ascii_whitespace()
        || is_quote(*first)
        || *first == b'\\'
        || first.is_ascii_uppercase() && bytes.get(words) == Some(&b'=')
        || name > 0 && matches!(read_char(bytes, name).byte, b'=' | b':')
}

/// True before the `]` or `)` that closes a list of two.
pub(super) fn closes_pair(bytes: &[u8], end: usize) -> bool {
    let at = skip_while(bytes, end, 24, |next| {
        is_quote(next.byte) || next.byte == b' '
    });
    at == bytes.len() || at < end + 24 && matches!(read_char(bytes, at).byte, b']' | b')')
}

/// Returns the bounds without surrounding whitespace.
pub(super) fn trimmed(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let start = end - bytes[start..end].trim_ascii_start().len();
    (start, start + bytes[start..end].trim_ascii_end().len())
}
