//! The one error type of the crate.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::{error::Error as StdError, fmt};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while a log was opened, read or flushed.
///
/// A wrapped call never sees this type: recording fails on its own side and is counted there.
/// `Display` says what was attempted and with what value; the cause is
/// [`source()`](std::error::Error::source).
///
/// # Examples
///
/// ```
/// use tower_activity::Error;
///
/// fn explain(error: &Error) -> &'static str {
///     if error.is_newer_schema() { "upgrade the program that reads this log" } else { "see the message" }
/// }
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The classes of [`Error`] that a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value given by the caller is not usable: a filter, a URL, a setting.
    Invalid,
    /// The store could not be reached or did not answer as it should.
    Store,
    /// The store holds a schema that a newer version of this crate wrote.
    NewerSchema,
    /// The file is not a store of this crate.
    NotAStore,
    /// The store, or a host, is locked by somebody else; the attempt may be repeated.
    Busy,
    /// The disk, the file's quota or the log's memory is full.
    Full,
    /// The store refuses a record whatever happens to it, and takes others.
    Refused,
    /// Code that the log called panicked: a store, a redactor, a rule.
    Panicked,
    /// A deadline passed before everything was committed, a command had ended, or a question was answered.
    Timeout,
    /// The log was shut down.
    Closed,
    /// The process was forked from the one that opened the log; it needs to be opened after the fork.
    Forked,
    /// What was asked for does not exist.
    NotFound,
    /// A host, its provider or the directory of its markers did not do as asked.
    Host,
}

impl Error {
    /// Makes an error of this kind: for [`Store`](crate::store::Store)s written outside this crate.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names the log that could not be read, where the message does not.
    #[cfg(feature = "sqlite")]
    pub(crate) fn of(mut self, path: &Path) -> Self {
        let path = path.display().to_string();
        if self.kind == ErrorKind::Store && !self.message.contains(&path) {
            self.message = format!("{} from the log {path}", self.message);
        }
        self
    }

    /// Makes an error of the kind [`ErrorKind::Invalid`]: what was asked for is wrong, and the message says what would be right.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Invalid, message)
    }

    /// Makes an error of the kind [`ErrorKind::Store`].
    pub fn store(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Store, message)
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// True when a value given by the caller was not usable.
    pub fn is_invalid(&self) -> bool {
        self.kind == ErrorKind::Invalid
    }

    /// True when a newer version of this crate wrote the store.
    pub fn is_newer_schema(&self) -> bool {
        self.kind == ErrorKind::NewerSchema
    }

    /// True when a deadline passed before everything was committed, a command had ended, or a question was answered.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::Timeout
    }

    /// True when somebody else holds the store, or a host; the attempt may be repeated.
    pub fn is_busy(&self) -> bool {
        self.kind == ErrorKind::Busy
    }

    /// True when what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind)
            .field("message", &self.message);
        if let Some(source) = &self.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}
