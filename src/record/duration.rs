//! Durations as people write them: filters, limits and options have the same form.

/// Parses one or more numbers with units. Returns nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Err("missing duration".to_owned());
    }
    let wrong = || format!("`{text}` is not a duration");
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .ok_or_else(|| match rest {
                "0" => wrong(),
                _ => format!("`{text}` has no unit"),
            })?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = unit_ns(unit).ok_or_else(wrong)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty();
        // 64 bits of nanoseconds.
        let long = || format!("`{text}` is too long: the most is 213503d");
        let part = scaled(number, unit).ok_or_else(|| match is_number {
            true => long(),
            false => wrong(),
        })?;
        total = total.checked_add(part).ok_or_else(long)?;
        rest = after;
    }
    Ok(total)
}

fn unit_ns(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" | "sec" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    })
}

/// Multiplies a decimal number by a unit, exactly; truncated to nanoseconds.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if fraction.is_empty() {
        return None;
    }
    let mut place = u128::from(unit);
    let mut below = 0u128;
    let mut scale = 1u128;
    // Fifteen digits: no unit has more nanoseconds than that.
    for digit in fraction.chars().take(15) {
        below = below * 10 + u128::from(digit.to_digit(10)?);
        scale *= 10;
    }
    place = place * below / scale;
    total = total.checked_add(u64::try_from(place).ok()?)?;
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_duration(text).ok(), expected, "{text}");
        };
        check("2s", Some(2_000_000_000));
        check("1.5s", Some(1_500_000_000));
        check("250µs", Some(250_000));
        check("1h30m", Some(5_400_000_000_000));
        check("0s", Some(0));
        check("0.0000000001s", Some(0));
        check("2", None);
        check("0", None);
        check("s", None);
        check("2x", None);
        check("1.2.3s", None);
        check("1.s", None);
        check("-1s", None);
        check("99999999999999999999s", None);
        check("999999999999d", None);
    }
}
