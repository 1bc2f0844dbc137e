//! Untrusted text as part of one line of Markdown.

/// The longest text of one event, in characters.
const LONGEST: usize = 160;

/// Escapes a text for one line of Markdown.
///
/// Line breaks, invisible characters and direction marks become spaces, runs of spaces become one space, and the characters
/// that start links, code or HTML are escaped. The text is truncated to 160 characters.
///
/// # Examples
///
/// ```
/// use tower_activity::query::one_line;
///
/// assert_eq!(one_line("done\n### Orders\n<b>"), "done ### Orders \\<b\\>");
/// ```
pub fn one_line(text: &str) -> String {
    let spaced = text.chars().map(|c| if is_kept(c) { c } else { ' ' });
    let mut line = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in spaced {
        if c.is_whitespace() {
            gap = !line.is_empty();
            continue;
        }
        if count == LONGEST {
            line.push('…');
            return line;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
            count += 1;
        }
        if matches!(c, '\\' | '`' | '[' | ']' | '<' | '>') {
            line.push('\\');
        }
        line.push(c);
        count += 1;
    }
    line
}

/// Returns false for invisible characters that affect other text. Tags and the later variation selectors can encode
/// sentences that a model reads and people do not see.
fn is_kept(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_line() {
        let check = |text: &str, expected: &str| assert_eq!(one_line(text), expected, "{text:?}");
        check("plain é 漢 👩‍💻", "plain é 漢 👩‍💻");
        check("a\n- b\r\n### c\u{2028}d\u{85}e\u{b}f", "a - b ### c d e f");
        check("  a \t  b  ", "a b");
        check(
            "[x](http://x) <b> `c` \\",
            "\\[x\\](http://x) \\<b\\> \\`c\\` \\\\",
        );
        check("a\u{202e}b\u{e0041}c\u{200b}d\u{1b}[0m", "a b c d \\[0m");
        check(&"x".repeat(160), &"x".repeat(160));
        check(&"x".repeat(161), &format!("{}…", "x".repeat(160)));
        check("", "");
        check("\n", "");
    }
}
