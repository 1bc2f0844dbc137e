//! Errors of the filter grammar.

use std::{fmt, ops::Range};

use crate::{error::Error, record::most_similar};

/// A syntax error in a filter: the problem, its span, and a suggestion.
///
/// # Examples
///
/// ```
/// use chrono::Utc;
/// use tower_activity::record::Filter;
///
/// let error = Filter::parse("status:faild", Utc::now()).unwrap_err();
/// assert_eq!(&error.text()[error.span()], "faild");
/// assert_eq!(error.message(), "`faild` is not a status");
/// assert_eq!(
///     error.help(),
///     Some("did you mean `failed`? allowed: running, success, failed, cancelled, skipped, abandoned"),
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

impl FilterError {
    pub(super) fn new(text: &str, span: Range<usize>, problem: Problem) -> Self {
        FilterError {
            text: text.to_owned(),
            span,
            message: problem.message,
            help: problem.help,
        }
    }

    /// Returns the text of the filter.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the byte range of the problem in [`text`](FilterError::text), on character boundaries.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the problem.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns a suggestion, if any.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.text[..self.span.start].chars().count() + 1;
        write!(f, "{} (at character {column} of the filter)", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

impl From<FilterError> for Error {
    fn from(error: FilterError) -> Self {
        Error::invalid(format!("could not read the filter {:?}", error.text)).with_source(error)
    }
}

/// The problem with a part of a filter, without its span.
#[derive(Debug)]
pub(super) struct Problem {
    message: String,
    help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Problem {
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the allowed names, and the one most similar to `written`.
    pub(super) fn allowed(self, written: &str, names: &[&str]) -> Self {
        let list = names.join(", ");
        match most_similar(written, names) {
            Some(name) => self.help(format!("did you mean `{name}`? allowed: {list}")),
            None => self.help(format!("allowed: {list}")),
        }
    }
}
