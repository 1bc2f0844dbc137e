//! Percent-encoding: secrets in URLs within URLs.

use std::borrow::Cow;

/// How often one text may be encoded.
const ROUNDS: usize = 6;

/// Finds the first encoded word at or after `from`: where it begins and ends.
pub(super) fn find(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let escape = (from..bytes.len()).find(|at| escaped(&bytes[*at..]).is_some())?;
    let before = bytes[from..escape].iter().rev();
    let start = escape - before.take_while(|byte| is_of_word(**byte)).count();
    let after = bytes[escape..].iter();
    let end = escape + after.take_while(|byte| is_of_word(**byte)).count();
    Some((start, end))
}

/// What an encoded word becomes when `redact` finds something in what it stands for; `None` where nothing
/// is found. A word that is encoded more often than anybody does is not kept.
pub(super) fn redacted(
    word: &str,
    redact: impl Fn(&str) -> Option<String>,
    mark: &str,
) -> Option<String> {
    let mut inner = Cow::Borrowed(word);
    let mut found = None;
    for _ in 0..ROUNDS {
        match decoded(&inner) {
            Cow::Borrowed(_) => return found,
            Cow::Owned(decoded) => inner = Cow::Owned(decoded),
        }
        if let Some(clean) = redact(&inner) {
            inner = Cow::Owned(clean.clone());
            found = Some(clean);
        }
    }
    match decoded(&inner) {
        Cow::Borrowed(_) => found,
        Cow::Owned(_) => Some(mark.to_owned()),
    }
}

/// Decodes once; borrows where nothing is encoded.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut changed = false;
    while let Some((first, tail)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) => {
                changed = true;
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    if !changed {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

fn is_of_word(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !b"\"'`<>".contains(&byte)
}
