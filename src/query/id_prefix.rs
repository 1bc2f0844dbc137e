//! Shortened ids: as much of the beginning as no other id has.

use std::fmt::Display;

use crate::error::{Error, ErrorKind, Result};

/// How many ids are named when a prefix is not enough.
pub(super) const CANDIDATES: usize = 5;

/// The first and the last id that begin with these hexadecimal digits; hyphens are passed over.
pub(super) fn range(prefix: &str) -> Result<([u8; 16], [u8; 16])> {
    let digits: Option<Vec<u8>> = prefix
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| (1..=32).contains(&digits.len()));
    let digits =
        digits.ok_or_else(|| Error::invalid(format!("{prefix:?} is not an ID or ID prefix")))?;
    let filled = |with: u8| {
        let mut bytes = [0; 16];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let half = |at: usize| digits.get(at).copied().unwrap_or(with);
            *byte = half(2 * index) << 4 | half(2 * index + 1);
        }
        bytes
    };
    Ok((filled(0x0), filled(0xf)))
}

/// The one id that was found for a prefix, or why it is not one.
pub(super) fn unique<I: Copy + Display>(what: &str, prefix: &str, ids: &[I]) -> Result<I> {
    match ids {
        [] => Err(Error::new(
            ErrorKind::NotFound,
            format!("could not find {what} whose id begins with {prefix:?}"),
        )),
        [id] => Ok(*id),
        several => {
            let more = if several.len() > CANDIDATES {
                ", …"
            } else {
                ""
            };
            let some = several.iter().take(CANDIDATES);
            let some: Vec<_> = some.map(ToString::to_string).collect();
            let some = some.join(", ");
            Err(Error::invalid(format!(
                "ambiguous ID prefix {prefix:?}: {some}{more}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ActivityId;

    #[test]
    fn a_shortened_id_is_a_range() {
        let check = |prefix: &str, expected: Option<(&str, &str)>| {
            let id = |bytes| ActivityId::from_bytes(bytes).to_string();
            let range = range(prefix).ok();
            let range = range.map(|(first, last)| (id(first), id(last)));
            let expected = expected.map(|(first, last)| (first.to_owned(), last.to_owned()));
            assert_eq!(range, expected, "{prefix}");
        };
        check(
            "0199E5a",
            Some((
                "0199e5a0-0000-0000-0000-000000000000",
                "0199e5af-ffff-ffff-ffff-ffffffffffff",
            )),
        );
        let whole = "0199e5a2-7c00-7000-8000-000000000000";
        check(whole, Some((whole, whole)));
        check("", None);
        check("-", None);
        check("xyz", None);
        check(&"0".repeat(33), None);
    }
}
