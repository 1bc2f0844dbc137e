//! The texts of `texts.txt`: a text, and what it becomes.

use tower_activity::redact::REDACTED;

const TEXTS: &str = include_str!("texts.txt");

/// A text and its redacted form.
pub(crate) struct Case {
    pub(crate) text: String,
    pub(crate) expected: String,
    /// Secrets that must not remain.
    pub(crate) secrets: Vec<String>,
}

pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let lines = TEXTS.lines();
    lines
        .filter(|line| {
            !line.is_empty() && !line.starts_with("# ") && !line.starts_with("== ") && *line != "#"
        })
        .map(case)
}

fn case(line: &str) -> Case {
    let line = line
        .replace('⏎', "\n")
        .replace('⇥', "\t")
        .replace('␛', "\u{1b}")
        .replace('⍽', "\u{a0}")
        .replace('⁰', "\u{200b}")
        .replace('⁸', "\u{feff}");
    let quote = if line.contains("{\\\"") { "\\\"" } else { "\"" };
    let (mut expected, mut secrets) = (String::new(), Vec::new());
    let mut rest = line.as_str();
    while let Some(at) = rest.find(['«', '‹']) {
        let (open, close, mark) = match rest[at..].starts_with('«') {
            true => ('«', '»', REDACTED.to_owned()),
            false => ('‹', '›', format!("{quote}{REDACTED}{quote}")),
        };
        expected.push_str(&rest[..at]);
        expected.push_str(&mark);
        let end = rest.find(close).expect("every bracket is closed");
        secrets.push(rest[at + open.len_utf8()..end].to_owned());
        rest = &rest[end + close.len_utf8()..];
    }
    expected.push_str(rest);
    let text = line.replace(['«', '»', '‹', '›'], "");
    Case {
        text,
        expected,
        secrets,
    }
}
