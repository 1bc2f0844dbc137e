//! Payment card numbers.

/// Number of digits of a card number.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Minimum number of digits in a group, except the last one. Therefore the scan checks only every fourth byte.
const GROUP: usize = 4;

/// Minimum number of digits in the last group.
const LAST_GROUP: usize = 3;

/// Calls `found` with the bounds of each card number.
///
/// Digits are contiguous, or in groups of four to six as on the card, separated by single spaces or dashes. A number must
/// be in an issuer's range and have a valid check digit, so that ids and times in microseconds are not matched.
pub(super) fn find_all(bytes: &[u8], mut found: impl FnMut(usize, usize)) {
    let mut at = GROUP - 1;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += GROUP;
            continue;
        }
        let before = bytes[..at]
            .iter()
            .rev()
            .take(DIGITS.end() + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let start = at - before;
        let free = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        // Excludes the fraction of a decimal number.
        let whole = bytes[..start.saturating_sub(1)].iter().rev().take(4);
        let whole = whole.take_while(|byte| byte.is_ascii_digit()).count();
        let fraction = (1..4).contains(&whole) && bytes[start - 1] == b'.';
        let end = if free && !fraction {
            ends_at(bytes, start)
        } else {
            None
        };
        match end {
            Some(end) => {
                found(start, end);
                at = end + GROUP - 1;
            }
            None => at = group_end(bytes, at) + GROUP - 1,
        }
    }
}

/// True if there is a card number.
pub(super) fn has_any(bytes: &[u8]) -> bool {
    let mut found = false;
    find_all(bytes, |_, _| found = true);
    found
}

/// True if the text is a card number without separators.
pub(super) fn is_card(digits: &[u8]) -> bool {
    DIGITS.contains(&digits.len())
        && digits.iter().all(u8::is_ascii_digit)
        && is_issued(digits)
        && has_check_digit(digits)
}

/// Returns the end of the longest card number that starts at `start`.
fn ends_at(bytes: &[u8], start: usize) -> Option<usize> {
    let mut digits = [0_u8; 19];
    let mut count = 0;
    let mut separator = None;
    let mut at = start;
    let mut found = None;
    loop {
        let end = group_end(bytes, at);
        if count + (end - at) > digits.len() || end - at < LAST_GROUP {
            break;
        }
        digits[count..count + (end - at)].copy_from_slice(&bytes[at..end]);
        count += end - at;
        let stands_free = bytes
            .get(end)
            .is_none_or(|next| !next.is_ascii_alphanumeric());
        if stands_free && is_card(&digits[..count]) {
            found = Some(end);
        }
        match bytes.get(end) {
            Some(&next @ (b' ' | b'-')) if separator.is_none_or(|known| known == next) => {
                separator = Some(next);
            }
            _ => break,
        }
        if end - at < GROUP || !bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            break;
        }
        at = end + 1;
    }
    found
}

fn group_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..]
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .map_or(bytes.len(), |length| start + length)
}

/// True for a number in an issuer's range (ISO/IEC 7812): Visa, Mastercard, American Express, Diners, JCB, Discover,
/// UnionPay, Maestro.
fn is_issued(digits: &[u8]) -> bool {
    let first_four = digits
        .iter()
        .take(4)
        .fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match digits.len() {
        13 if first_four / 1000 == 4 => true,
        14 => matches!(first_four, 3000..=3059 | 3095 | 3600..=3699 | 3800..=3999),
        15 => matches!(first_four, 3400..=3499 | 3700..=3799),
        16 => {
            first_four / 1000 == 4
                || matches!(
                    first_four,
                    2221..=2720 | 3000..=3059 | 3528..=3589 | 3600..=3999 | 5100..=5599
                )
                || is_long_range(first_four)
        }
        _ => is_long_range(first_four),
    }
}

/// True for ranges whose numbers have up to 19 digits.
fn is_long_range(first_four: u32) -> bool {
    matches!(
        first_four,
        5018 | 5020 | 5038 | 5893 | 6011 | 6200..=6299 | 6304 | 6440..=6599 | 6759 | 6761..=6763 | 8100..=8171
    )
}

/// Validates the check digit by Luhn's algorithm (ISO/IEC 7812-1, annex B).
fn has_check_digit(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .map(|digit| u32::from(digit - b'0'))
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let mut found = None;
        find_all(text.as_bytes(), |start, end| {
            found = found.or(Some(&text[start..end]));
        });
        assert_eq!(found, expected, "in {text:?}");
    }

    #[test]
    fn cards_are_found_with_and_without_groups() {
        check("pay 4111111111111111 now", Some("4111111111111111"));
        check("4111 1111 1111 1111 12/26", Some("4111 1111 1111 1111"));
        check("no 12 4111-1111-1111-1111", Some("4111-1111-1111-1111"));
        check("amex 3782 822463 10005.", Some("3782 822463 10005"));
        check("card_5555555555554444", Some("5555555555554444"));
    }

    #[test]
    fn ids_and_times_are_not_cards() {
        check("4111 1111 1111 1112", None);
        check("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", None);
        check("at 1700000000000000 us", None);
        check("a4111111111111111", None);
        check("4111111111111111f", None);
        check("01890a5d-ac96-774b-bcce-b302099a8057", None);
        check("99941111111111111111999", None);
    }
}
