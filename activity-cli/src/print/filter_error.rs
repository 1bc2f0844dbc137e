//! Errors of filters, with the invalid part underlined.

use anstyle::AnsiColor;
use tower_activity::query::FilterError;

use crate::print::{
    safe,
    status::{BOLD, DIM, styled},
};

/// Returns the label of every error message.
pub(crate) fn label() -> String {
    styled(AnsiColor::Red.on_default().bold(), "error:")
}

/// Formats a hint on a line of its own.
pub(crate) fn help(hint: &str) -> String {
    format!("\n{} {}\n", styled(DIM, "help:"), safe::line(hint))
}

/// Formats the filter with its invalid part underlined, and the hint.
pub(crate) fn render(error: &FilterError) -> String {
    let span = error.span();
    let before = safe::line(&error.text()[..span.start]);
    let invalid = safe::line(&error.text()[span.clone()]);
    let after = safe::line(&error.text()[span.end..]);
    let space = " ".repeat(safe::width(&before));
    let carets = "^".repeat(safe::width(&invalid).max(1));
    let carets = styled(AnsiColor::Red.on_default().bold(), &carets);
    let mut out = format!(
        "{} {}\n\n  {before}{}{after}\n  {space}{carets}\n",
        label(),
        safe::line(error.message()),
        styled(BOLD, &invalid),
    );
    if let Some(hint) = error.help() {
        out.push_str(&help(hint));
    }
    out
}
