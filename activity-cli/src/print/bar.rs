//! Bar charts, in eighths of a column.

/// Width of the longest bar in columns, if there is room for it.
pub(crate) const MAX_WIDTH: usize = 32;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Returns a bar for `value`, where `max` gets one of `width` columns. A value above 0 is always visible.
pub(crate) fn bar(value: u64, max: u64, width: usize) -> String {
    let eighths = u128::from(value) * (width * 8) as u128 / u128::from(max.max(1));
    // At most 8 * width.
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
        let check = |value, max, full: usize, rest: &str| {
            let expected = format!("{}{rest}", "█".repeat(full));
            assert_eq!(bar(value, max, MAX_WIDTH), expected, "{value} of {max}");
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
