//! Quoted values, and the check whether a value is a secret.

use crate::redact::{
    REDACTED,
    bounds::{MAX_ENCODED, closing_quote, matching_quote},
    encoded_char::{EncodedChar, Encoding, end_while, line_end},
    heuristics::{Context, is_code, is_no_value, is_placeholder, is_secret},
    scan::{Scan, SecretSpan},
};

/// Number of leading bytes that decide whether a value is a secret.
pub(super) const HEAD: usize = 64;

/// Returns the span between two bounds if it is a secret.
pub(super) fn secret_between(
    bytes: &[u8],
    start: usize,
    end: usize,
    context: Context,
) -> Option<SecretSpan> {
    is_likely_secret(bytes, start, end, context).then_some(SecretSpan::new(start, end))
}

/// True if the value looks like a secret.
pub(super) fn is_likely_secret(bytes: &[u8], at: usize, end: usize, context: Context) -> bool {
    let value = &bytes[at..end];
    let head = &value[..value.len().min(HEAD)];
    let mark = REDACTED.as_bytes();
    if head.starts_with(mark) {
        // Text directly behind a mark, if it is a secret by itself.
        let rest = at + mark.len();
        let goes_on = rest < end && bytes[rest].is_ascii_alphanumeric();
        return goes_on && is_likely_secret(bytes, rest, end, context);
    }
    // The cheapest first.
    !value.is_empty()
        && is_secret(head, context)
        && !head.windows(mark.len()).any(|part| part == mark)
        && !is_no_value(head)
        && !is_placeholder(head)
        && (context.quoted || !is_code(bytes, at, context))
}

/// Returns the next occurrence of these quotes.
pub(super) fn find_quotes(bytes: &[u8], start: usize, max: usize, quotes: &[u8]) -> Option<usize> {
    let rest = bytes.get(start..bytes.len().min(start + max))?;
    let len = rest.windows(quotes.len()).position(|part| part == quotes)?;
    Some(start + len)
}

/// Finds a quoted value whose opening quote is at `at`.
pub(super) fn quoted(
    scan: &mut Scan<'_>,
    at: usize,
    quote: EncodedChar,
    context: Context,
) -> Option<SecretSpan> {
    let bytes = scan.bytes;
    let triple = [quote.byte; 3];
    let is_triple = quote.byte != b'`' && bytes[at..].starts_with(&triple);
    let start = at + if is_triple { 3 } else { quote.len };
    let end = match quote.encoding {
        Encoding::Raw if is_triple => find_quotes(bytes, start, 8 * MAX_ENCODED, &triple),
        _ if quote.is_json_quote() => closing_quote(scan, start, quote),
        _ => matching_quote(bytes, start, quote),
    };
    let end = match end {
        Some(end) => end,
        // An apostrophe as in `'tis` does not open a quote. In a truncated line, everything is secret.
        None if quote.byte == b'\'' || !quote.is_json_quote() => {
            let of_word = |byte| byte > b' ' && !b"\"<&".contains(&byte);
            let end = end_while(bytes, start, usize::MAX, of_word);
            let head = &bytes[start..end.min(start + 64)];
            if end < bytes.len() && !head.iter().any(u8::is_ascii_digit) {
                return None;
            }
            end
        }
        None => line_end(bytes, start),
    };
    secret_between(bytes, start, end, context)
}
