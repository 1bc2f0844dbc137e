//! Recorded data escaped for a terminal: it cannot move the cursor, change colours, start a line or change the
//! writing direction.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// Returns true for characters that act on a terminal or change how others are shown.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Returns the text as one line, with unsafe characters escaped: `\n`, `\u{1b}`.
pub(crate) fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a String does not fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Returns the lines of a text, each escaped, with tabs expanded.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|text| line(&text.replace('\t', "    ")))
}

/// Returns the display width of an escaped text, in columns.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Truncates an escaped text to a number of columns, with an ellipsis.
pub(crate) fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut free = columns.saturating_sub(1);
    let mut truncated = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > free {
            break;
        }
        free -= wide;
        truncated.push(c);
    }
    if columns > 0 {
        truncated.push('…');
    }
    truncated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_characters_are_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(line(text), expected);
        check("plain é 漢 👩‍💻", "plain é 漢 👩‍💻");
        check("\u{1b}[31mred", "\\u{1b}[31mred");
        check("\u{1b}]8;;http://x\u{7}", "\\u{1b}]8;;http://x\\u{7}");
        check("a\nb\r\tc\0", "a\\nb\\r\\tc\\u{0}");
        check("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}");
        check("abc\u{202e}fed\u{2066}", "abc\\u{202e}fed\\u{2066}");
        check("a\u{2028}b", "a\\u{2028}b");
    }

    #[test]
    fn truncation_counts_columns() {
        let check =
            |text: &str, columns, expected: &str| assert_eq!(truncate(text, columns), expected);
        check("abc", 3, "abc");
        check("abcd", 3, "ab…");
        check("漢字漢字", 4, "漢…");
        check("abcd", 1, "…");
        check("abcd", 0, "");
    }
}
