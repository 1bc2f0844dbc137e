//! Errors that point at what is wrong.

use anstyle::AnsiColor;
use tower_activity::query::FilterError;

use crate::print::{
    safe,
    status::{BOLD, DIM, styled},
};

/// What stands before every error.
pub(crate) fn label() -> String {
    styled(AnsiColor::Red.on_default().bold(), "error:")
}

/// What would be right, on a line of its own.
pub(crate) fn help(help: &str) -> String {
    format!("\n{} {}\n", styled(DIM, "help:"), safe::line(help))
}

/// The filter with its wrong part underlined, and what would be right.
pub(crate) fn pointed(error: &FilterError) -> String {
    let span = error.span();
    let before = safe::line(&error.text()[..span.start]);
    let wrong = safe::line(&error.text()[span.clone()]);
    let after = safe::line(&error.text()[span.end..]);
    let space = " ".repeat(safe::width(&before));
    let carets = "^".repeat(safe::width(&wrong).max(1));
    let carets = styled(AnsiColor::Red.on_default().bold(), &carets);
    let mut out = format!(
        "{} {}\n\n  {before}{}{after}\n  {space}{carets}\n",
        label(),
        safe::line(error.message()),
        styled(BOLD, &wrong),
    );
    if let Some(help) = error.help() {
        out.push_str(&format!(
            "\n{} {}\n",
            styled(DIM, "help:"),
            safe::line(help)
        ));
    }
    out
}
