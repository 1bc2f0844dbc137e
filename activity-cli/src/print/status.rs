//! Sign and colour of a status. Always shown with the word: colour alone is not accessible.

use anstyle::{AnsiColor, Style};
use chrono::{DateTime, Utc};
use tower_activity::{Status, record::ActivityRecord};

use crate::print::{human, safe};

pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const BOLD: Style = Style::new().bold();

/// Returns a name as it is shown, as in the dashboard: names that differ look different. `(unnamed)`, `(blank: ␣)`, `login␣`.
pub(crate) fn named(name: &str) -> String {
    let is_space = |c: &char| c.is_whitespace() && !c.is_control();
    let chars: Vec<char> = name.chars().collect();
    let mut shown = String::new();
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let between = [before, chars.get(at + 1).copied()];
        let is_single = between.iter().all(|c| c.is_some_and(|c| !is_space(&c)));
        match c {
            c if !is_space(c) => shown.push(*c),
            ' ' | '\u{3000}' if is_single => shown.push(*c),
            ' ' => shown.push('␣'),
            c => shown.extend(c.escape_unicode()),
        }
    }
    let is_blank = |c: &char| c.is_whitespace() || safe::is_unsafe(*c);
    match name {
        "" => String::from("(unnamed)"),
        _ if chars.iter().all(is_blank) => format!("(blank: {shown})"),
        _ => shown,
    }
}

/// Returns the sign of a status.
pub(crate) fn sign(status: Status) -> &'static str {
    match status {
        Status::Running => "●",
        Status::Success => "✓",
        Status::Failed => "✗",
        Status::Cancelled => "⊘",
        Status::Skipped => "○",
        Status::Abandoned => "†",
        _ => "?",
    }
}

/// Returns the colour of a status.
pub(crate) fn style(status: Status) -> Style {
    let color = match status {
        Status::Running => AnsiColor::Cyan,
        Status::Success => AnsiColor::Green,
        Status::Failed => AnsiColor::Red,
        Status::Cancelled => AnsiColor::Yellow,
        Status::Abandoned => AnsiColor::Magenta,
        _ => return DIM,
    };
    color.on_default()
}

/// Formats a text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{text}{style:#}")
}

/// Formats error type and message as one line: `tool_error: no such user`. Only the first line of a message is shown.
pub(crate) fn error(activity: &ActivityRecord) -> String {
    let mut text = activity
        .error_type
        .as_deref()
        .unwrap_or_default()
        .to_owned();
    let mut lines = activity.message.as_deref().unwrap_or_default().lines();
    if let Some(first) = lines.next() {
        text.push_str(if text.is_empty() { "" } else { ": " });
        text.push_str(first);
        text.push_str(if lines.next().is_some() { " …" } else { "" });
    }
    safe::line(&text)
}

/// Formats the duration, or how long the activity has been running.
pub(crate) fn elapsed(activity: &ActivityRecord, now: DateTime<Utc>) -> String {
    match activity.duration_ns {
        Some(ns) => human::duration(ns),
        None if activity.status == Status::Running => {
            format!(
                "{} …",
                human::duration(human::since(activity.started_at, now))
            )
        }
        None => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_look_different() {
        let check = |name: &str, expected: &str| assert_eq!(named(name), expected);
        check("", "(unnamed)");
        check(" ", "(blank: ␣)");
        check("\u{2003}", "(blank: \\u{2003})");
        check("log in", "log in");
        check("log  in ", "log␣␣in␣");
        check("log\u{a0}in", "log\\u{a0}in");
        check("商品　検索", "商品　検索");
    }
}
