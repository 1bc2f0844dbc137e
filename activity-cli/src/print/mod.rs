//! Output: tables, lines and JSON. Recorded data is escaped before it is printed.

pub(crate) mod bar;
pub(crate) mod filter_error;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod safe;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod tree;

use std::io::{self, IsTerminal, Write};

/// Prints text with colours, which are stripped if stdout is not a terminal or `NO_COLOR` is set.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints lines on stderr, with colours if it is a terminal. A command goes on without them if stderr cannot be written, as on a full
/// disk, where the macros of std and anstream panic.
pub(crate) fn note(text: &str) {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = anstream::stderr().write_all(format!("{text}{end}").as_bytes());
}

/// Prints a line on stderr, with unsafe characters escaped.
pub(crate) fn on_stderr(line: &str) {
    note(&safe::line(line));
}

/// Returns the columns of a line: `COLUMNS`, or those of the terminal; `None` for a file or a pipe.
pub(crate) fn width() -> Option<usize> {
    let columns = std::env::var("COLUMNS").ok();
    if let Some(columns) = columns.and_then(|columns| columns.parse().ok()) {
        return Some(columns);
    }
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Breaks a line between words to the width of the terminal; the lines after the first are indented.
pub(crate) fn wrapped(line: &str, indent: usize) -> String {
    wrapped_after(0, line, indent)
}

/// Like [`wrapped`], for a text behind others that take so many columns.
pub(crate) fn wrapped_after(columns: usize, text: &str, indent: usize) -> String {
    wrapped_to(width().unwrap_or(usize::MAX), columns, text, indent)
}

fn wrapped_to(most: usize, columns: usize, text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut used = columns;
    for (at, word) in text.split(' ').enumerate() {
        let width = safe::width(word);
        if at > 0 && used + 1 + width > most {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        } else if at > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += width;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words() {
        let check = |text: &str, expected: &str| {
            assert_eq!(wrapped_to(12, 4, text, 2), expected, "{text}");
        };
        check("", "");
        check("one two", "one two");
        check("one two three", "one two\n  three");
        check("  two", "  two");
        check("a-very-long-word b", "a-very-long-word\n  b");
        check("日本語 日本語", "日本語\n  日本語");
    }
}
