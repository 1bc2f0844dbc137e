//! Numbers as bars, in eighths of a column.

/// How long the longest bar is, in columns.
pub(crate) const LONGEST: usize = 32;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar that is to the longest one what `value` is to `most`; some of it is seen of whatever is not nothing.
pub(crate) fn bar(value: u64, most: u64) -> String {
    let eighths = u128::from(value) * (LONGEST * 8) as u128 / u128::from(most.max(1));
    // At most 8 * LONGEST.
    let eighths = eighths.max(u128::from(value > 0)) as usize;
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let check = |value, most, full: usize, rest: &str| {
            let expected = format!("{}{rest}", "█".repeat(full));
            assert_eq!(bar(value, most), expected, "{value} of {most}");
        };
        check(0, 0, 0, "");
        check(0, 9, 0, "");
        check(1, 1_000_000, 0, "▏");
        check(9, 9, 32, "");
        check(1, 2, 16, "");
        check(33, 64, 16, "▌");
        check(u64::MAX, u64::MAX, 32, "");
    }
}
