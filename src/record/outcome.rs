//! Outcomes of activities, as reported by the code that ran them.

use std::fmt;

use crate::record::{Status, Text};

/// The outcome of an activity: a final status, and for failures an error type and a message.
///
/// # Examples
///
/// ```
/// use tower_activity::Outcome;
///
/// let outcome = Outcome::failed("denied").with_message("no such user");
/// assert_eq!(outcome.status().as_str(), "failed");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    pub(crate) status: Status,
    pub(crate) error_type: Option<Text>,
    pub(crate) message: Option<Text>,
}

impl Outcome {
    /// Success.
    pub const fn success() -> Self {
        Outcome::plain(Status::Success)
    }

    /// A failure. The error type is a low-cardinality name such as `timeout`, `denied` or a code.
    pub fn failed(error_type: impl Into<Text>) -> Self {
        Outcome {
            error_type: Some(error_type.into()),
            ..Outcome::plain(Status::Failed)
        }
    }

    /// A panic. Stored as `failed` with the error type `panic`.
    pub const fn panicked() -> Self {
        Outcome {
            status: Status::Failed,
            error_type: Some(Text::from_static("panic")),
            message: None,
        }
    }

    /// Cancellation: it was dropped, or its caller went away, before it ended.
    pub const fn cancelled() -> Self {
        Outcome::plain(Status::Cancelled)
    }

    /// Nothing to do.
    pub const fn skipped() -> Self {
        Outcome::plain(Status::Skipped)
    }

    /// Sets the message: an error, or anything that can be displayed. It is redacted, then capped, before it is stored.
    #[must_use]
    pub fn with_message(mut self, message: impl fmt::Display) -> Self {
        self.message = Some(message.to_string().into());
        self
    }

    /// Returns the final status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Returns the error type of a failure.
    pub fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    /// Returns the message of the error.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    const fn plain(status: Status) -> Self {
        Outcome {
            status,
            error_type: None,
            message: None,
        }
    }
}
