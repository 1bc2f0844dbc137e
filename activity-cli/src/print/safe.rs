//! Data made safe for a terminal: nothing in it can move the cursor, change colours, begin a line or turn
//! the direction of writing.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// True for characters that act on a terminal, or change how others are shown, instead of being seen.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text in one line, with everything unsafe written out: `\n`, `\u{1b}`.
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

/// The text line by line, each made safe: for places where lines are indented.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|text| line(&text.replace('\t', "    ")))
}

/// How many columns a safe text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The beginning of a safe text that fits into so many columns; an ellipsis where something is left out.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let mut cut = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > room {
            break;
        }
        room -= wide;
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left() {
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
    fn a_cut_counts_columns() {
        let check = |text: &str, columns, expected: &str| assert_eq!(cut(text, columns), expected);
        check("abc", 3, "abc");
        check("abcd", 3, "ab…");
        check("漢字漢字", 4, "漢…");
        check("abcd", 1, "…");
        check("abcd", 0, "");
    }
}
