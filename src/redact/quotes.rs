//! Values in quotes, and whether what stands between two bounds is a secret.

use crate::redact::{
    REDACTED,
    bounds::{SPELLED, closing, same},
    looks::{Context, is_code, is_nothing, is_placeholder, is_secret},
    scan::{Found, Scan},
    spell::{Spelled, Spelling, end_of, line_end},
};

/// So many bytes tell whether a value may be a secret.
pub(super) const HEAD: usize = 64;

/// The secret between two bounds, where it is one.
pub(super) fn taken(bytes: &[u8], start: usize, end: usize, context: Context) -> Option<Found> {
    judged(bytes, start, end, context).then_some(Found::new(start, end))
}

/// True when the value may be a secret.
pub(super) fn judged(bytes: &[u8], at: usize, end: usize, context: Context) -> bool {
    let value = &bytes[at..end];
    let head = &value[..value.len().min(HEAD)];
    let mark = REDACTED.as_bytes();
    if head.starts_with(mark) {
        // What goes on behind a mark, as far as it is secret by itself.
        let rest = at + mark.len();
        let goes_on = rest < end && bytes[rest].is_ascii_alphanumeric();
        return goes_on && judged(bytes, rest, end, context);
    }
    // The cheapest first.
    !value.is_empty()
        && is_secret(head, context)
        && !head.windows(mark.len()).any(|part| part == mark)
        && !is_nothing(head)
        && !is_placeholder(head)
        && (context.quoted || !is_code(bytes, at, context))
}

/// Where these quotes stand next.
pub(super) fn end_of_quotes(
    bytes: &[u8],
    start: usize,
    max: usize,
    quotes: &[u8],
) -> Option<usize> {
    let rest = bytes.get(start..bytes.len().min(start + max))?;
    let len = rest.windows(quotes.len()).position(|part| part == quotes)?;
    Some(start + len)
}

/// A value in quotes, the opening quote standing at `at`.
pub(super) fn quoted(
    scan: &mut Scan<'_>,
    at: usize,
    quote: Spelled,
    context: Context,
) -> Option<Found> {
    let bytes = scan.bytes;
    let triple = [quote.byte; 3];
    let is_triple = quote.byte != b'`' && bytes[at..].starts_with(&triple);
    let start = at + if is_triple { 3 } else { quote.len };
    let end = match quote.spelling {
        Spelling::Raw if is_triple => end_of_quotes(bytes, start, 8 * SPELLED, &triple),
        _ if quote.is_of_json() => closing(scan, start, quote),
        _ => same(bytes, start, quote),
    };
    let end = match end {
        Some(end) => end,
        // `'tis` opens nothing, and of a line that was cut off all is secret.
        None if quote.byte == b'\'' || !quote.is_of_json() => {
            let of_word = |byte| byte > b' ' && !b"\"<&".contains(&byte);
            let end = end_of(bytes, start, usize::MAX, of_word);
            let head = &bytes[start..end.min(start + 64)];
            if end < bytes.len() && !head.iter().any(u8::is_ascii_digit) {
                return None;
            }
            end
        }
        None => line_end(bytes, start),
    };
    taken(bytes, start, end, context)
}
