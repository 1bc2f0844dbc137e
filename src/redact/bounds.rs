//! Where a value ends: at a quote, a bracket, the end of the line, or what begins the next pair.

use crate::redact::{
    REDACTED,
    scan::Scan,
    site::{After, Site},
    spell::{INVISIBLE, Spelled, Spelling, end_of, is_quote, read, skip},
};

/// The longest value in brackets that are not JSON's, in bytes.
const BRACKETS: usize = 256;

/// How far the end of a quoted value is looked for where only blanks may end it otherwise, in bytes.
pub(super) const SPELLED: usize = 512;

/// Where the value ends that a quote behind so many backslashes opened: at a quote behind as many, on the same line.
pub(super) fn closing(scan: &mut Scan<'_>, start: usize, quote: Spelled) -> Option<usize> {
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
            // `'a''x'` and `"a""x"`: doubled quotes are inside. JSON never has them.
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

/// Where the next quote of the same spelling begins.
pub(super) fn same(bytes: &[u8], start: usize, quote: Spelled) -> Option<usize> {
    let feed = Spelled::raw(b'\n');
    let end = skip(bytes, start, SPELLED, |next| {
        !next.is_like(quote) && !next.is_like(feed)
    });
    let closes = end < bytes.len().min(start + SPELLED) && read(bytes, end).is_like(quote);
    closes.then_some(end)
}

/// The end of a JSON array or object; that of the text where it was cut off.
pub(super) fn json_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at, mut inside) = (0_usize, start, false);
    while at < bytes.len() {
        match bytes[at] {
            // Within a JSON text in a string every quote is escaped.
            b'\\' if inside => {
                at = end_of(bytes, at, usize::MAX, |byte| byte == b'\\');
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

/// Where the bracket closes that opens at `at`, on the same line.
pub(super) fn bracket_end(scan: &mut Scan<'_>, at: usize) -> Option<usize> {
    let bytes = scan.bytes;
    let mut depth = 0_usize;
    let limit = bytes.len().min(at + BRACKETS);
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

/// Where a value ends that stands free in a text: before a blank, a quote, or what begins the next pair; without what
/// closes around it and without full stops.
pub(super) fn free_end(
    bytes: &[u8],
    start: usize,
    limit: usize,
    after: &After,
    site: &Site,
    around: Option<Spelled>,
) -> usize {
    let mut at = start;
    if bytes[at..].starts_with(REDACTED.as_bytes()) {
        at += REDACTED.len();
    }
    let mut end = at;
    let mut depth = 0_u32;
    while at < limit {
        let plain = end_of(bytes, at, limit - at, |byte| byte.is_ascii_alphanumeric());
        if plain > at {
            (at, end) = (plain, plain);
            continue;
        }
        let next = read(bytes, at);
        let behind = bytes.get(at + next.len);
        let ends = behind.is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let is_percent = matches!(next.spelling, Spelling::Percent(_));
        // What is encoded in a value that is not is a part of it.
        let foreign = is_percent && next.spelling != Spelling::Percent(after.percent);
        match next.byte {
            _ if foreign => end = at + next.len,
            INVISIBLE | b' ' | b'\t' | b'\n' | b'\r' => break,
            b'+' if after.percent > 0 => break,
            b'"' | b'\'' | b'`' => {
                let closes = around.is_some_and(|quote| quote.byte == next.byte);
                let inside = next.is_like(Spelled::raw(b'\'')) && at > start && !ends;
                if closes || !inside {
                    break;
                }
                end = at + 1;
            }
            b'&' | b'#' if site.in_query() || is_percent => break,
            b'&' | b';' | b',' if begins_next(&bytes[at + next.len..]) => break,
            b'&' | b';' | b',' => {}
            b'(' | b'[' | b'{' => {
                depth += 1;
                end = at + next.len;
            }
            b')' | b']' | b'}' if depth > 0 => {
                depth -= 1;
                end = at + next.len;
            }
            b'<' if next.spelling == Spelling::Code
                || behind.is_some_and(|byte| *byte == b'/' || byte.is_ascii_alphabetic()) =>
            {
                break;
            }
            b'>' if ends => break,
            b')' | b']' | b'}' | b'.' => {}
            b'*' if after.emphasis || bytes[at..].starts_with(b"**") && ends => {}
            _ => end = at + next.len,
        }
        at += next.len;
    }
    end.max(start)
}

/// True when what follows is the end, a blank, a quote, or the next `name=`.
fn begins_next(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else {
        return true;
    };
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.%[]".contains(&byte);
    let name = end_of(bytes, 0, 64, of_name);
    // `;Persist Security Info=True`
    let words = end_of(bytes, 0, 64, |byte| {
        byte.is_ascii_alphabetic() || byte == b' '
    });
    first.is_ascii_whitespace()
        || is_quote(*first)
        || *first == b'\\'
        || first.is_ascii_uppercase() && bytes.get(words) == Some(&b'=')
        || name > 0 && matches!(read(bytes, name).byte, b'=' | b':')
}

/// `]` or `)` behind the value in a list of two.
pub(super) fn closes_pair(bytes: &[u8], end: usize) -> bool {
    let at = skip(bytes, end, 24, |next| {
        is_quote(next.byte) || next.byte == b' '
    });
    at == bytes.len() || at < end + 24 && matches!(read(bytes, at).byte, b']' | b')')
}

/// The part of a text without blanks around it.
pub(super) fn trimmed(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let start = end - bytes[start..end].trim_ascii_start().len();
    (start, start + bytes[start..end].trim_ascii_end().len())
}
