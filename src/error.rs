//! The one error type of the crate.

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::{error::Error as StdError, fmt, iter::successors};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of opening, reading, flushing or shutting down a log.
///
/// A wrapped call never sees this type: recording fails on its own side and is counted there.
///
/// `{error}` prints what was attempted and with what value, without the cause; `{error:#}` appends the causes, as in
/// `cannot open the log activity.db: permission denied`. The cause is also [`source()`](std::error::Error::source).
///
/// # Examples
///
/// ```
/// use tower_activity::Error;
///
/// fn explain(error: &Error) -> String {
///     match error.is_newer_schema() {
///         true => "upgrade the program that reads this log".to_owned(),
///         false => format!("{error:#}"),
///     }
/// }
/// ```
///
/// A store written outside of this crate makes errors with [`Error::new`]:
///
/// ```
/// use std::io;
/// use tower_activity::{Error, ErrorKind};
///
/// let cause = io::Error::other("connection reset");
/// let error = Error::new(ErrorKind::Store, "cannot read activities from log.example").with_source(cause);
/// assert!(error.is_store());
/// assert_eq!(format!("{error:#}"), "cannot read activities from log.example: connection reset");
/// ```
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The classes of [`Error`] that a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value given by the caller is not valid: a filter, a URL, a setting.
    Invalid,
    /// The store could not be reached, or did not answer as it should.
    Store,
    /// The store has a schema that a newer version of this crate wrote.
    NewerSchema,
    /// The file, or what is at the address, is not a store of this crate.
    NotAStore,
    /// The store's user lacks a right that this needs. The message names it.
    Denied,
    /// Another process holds a lock on the store or the host; the attempt may be repeated.
    Busy,
    /// The disk, the file's quota or the log's memory is full.
    Full,
    /// The store refuses this record, however often it is retried, and accepts others.
    Refused,
    /// Code that the log called panicked: a store, a redactor, a rule.
    Panicked,
    /// A timeout passed before everything was committed, a command had ended, or a query was answered.
    Timeout,
    /// The log was shut down.
    Closed,
    /// This process was forked from the one that opened the log; open the log after the fork.
    Forked,
    /// The requested record or host does not exist.
    NotFound,
    /// There is no store under this name.
    NoStore,
    /// A host, its provider or its marker directory failed.
    Host,
}

impl Error {
    /// Creates an error of this kind. [`Store`](crate::store::Store)s written outside of this crate use it.
    ///
    /// The message is lower case without a full stop, and says what was attempted and with what value.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Creates an error of the kind [`ErrorKind::Invalid`]. The message says what would be valid.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Invalid, message)
    }

    /// Creates an error of the kind [`ErrorKind::Store`].
    pub fn store(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Store, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the path of the log to an error of the kind `Store` whose message does not name it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn with_path(mut self, path: &Path) -> Self {
        let path = path.display().to_string();
        if self.kind == ErrorKind::Store && !self.message.contains(&path) {
            self.message = format!("{} from the log {path}", self.message);
        }
        self
    }

    /// Returns the message for a client that must not learn the paths, addresses and causes of this machine.
    ///
    /// It is the error with its causes for what the client itself asked for (an invalid value, a record that does not exist, a
    /// query that takes too long), the error without its causes for a right that the store's user lacks, and the message of its
    /// kind for everything else.
    pub fn public_message(&self) -> String {
        match self.kind {
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Timeout => format!("{self:#}"),
            ErrorKind::Denied => self.to_string(),
            kind => kind.to_string(),
        }
    }

    /// The class of this error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns true if a value given by the caller is not valid.
    pub fn is_invalid(&self) -> bool {
        self.kind == ErrorKind::Invalid
    }

    /// Returns true if the store could not be reached, or did not answer as it should.
    pub fn is_store(&self) -> bool {
        self.kind == ErrorKind::Store
    }

    /// Returns true if a newer version of this crate wrote the store.
    pub fn is_newer_schema(&self) -> bool {
        self.kind == ErrorKind::NewerSchema
    }

    /// Returns true if the file is not a store of this crate.
    pub fn is_not_a_store(&self) -> bool {
        self.kind == ErrorKind::NotAStore
    }

    /// Returns true if the store's user lacks a right that this needs.
    pub fn is_denied(&self) -> bool {
        self.kind == ErrorKind::Denied
    }

    /// Returns true if another process holds a lock on the store or the host; the attempt may be repeated.
    pub fn is_busy(&self) -> bool {
        self.kind == ErrorKind::Busy
    }

    /// Returns true if the disk, the file's quota or the log's memory is full.
    pub fn is_full(&self) -> bool {
        self.kind == ErrorKind::Full
    }

    /// Returns true if the store refuses this record and accepts others.
    pub fn is_refused(&self) -> bool {
        self.kind == ErrorKind::Refused
    }

    /// Returns true if code that the log called panicked.
    pub fn is_panic(&self) -> bool {
        self.kind == ErrorKind::Panicked
    }

    /// Returns true if a timeout passed before the operation completed.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::Timeout
    }

    /// Returns true if the log was shut down.
    pub fn is_closed(&self) -> bool {
        self.kind == ErrorKind::Closed
    }

    /// Returns true if this process was forked from the one that opened the log.
    pub fn is_forked(&self) -> bool {
        self.kind == ErrorKind::Forked
    }

    /// Returns true if the requested record, store or host does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind, ErrorKind::NotFound | ErrorKind::NoStore)
    }

    /// Returns true if a host, its provider or its marker directory failed.
    pub fn is_host(&self) -> bool {
        self.kind == ErrorKind::Host
    }
}

/// Prints what the kind says on its own, without any value.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Invalid => "a value is not valid",
            ErrorKind::Store => "the store cannot be read or written",
            ErrorKind::NewerSchema => "a newer version wrote the store",
            ErrorKind::NotAStore => "the file, or what is at the address, is not a store",
            ErrorKind::Denied => "the store's user lacks a right",
            ErrorKind::Busy => "another process has locked the store",
            ErrorKind::Full => "the disk or the log's memory is full",
            ErrorKind::Refused => "the store refuses the record",
            ErrorKind::Panicked => "code that the log called panicked",
            ErrorKind::Timeout => "a timeout passed",
            ErrorKind::Closed => "the log was shut down",
            ErrorKind::Forked => "the log was opened by the process that this one was forked from",
            ErrorKind::NotFound => "not found",
            ErrorKind::NoStore => {
                "there is no store yet: the first program that records creates a file, the first `activity forward` the schema of a database"
            }
            ErrorKind::Host => "the host, its provider or its markers failed",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            let mut causes = successors(self.source(), |cause| (*cause).source());
            causes.try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_message_names_only_what_the_client_asked_for() {
        let check = |kind, expected: &str| {
            let error = Error::new(kind, "cannot read /srv/a.db").with_source("SELECT 1");
            assert_eq!(error.public_message(), expected);
        };
        check(ErrorKind::Store, "the store cannot be read or written");
        check(ErrorKind::Busy, "another process has locked the store");
        check(ErrorKind::Closed, "the log was shut down");
        check(ErrorKind::Denied, "cannot read /srv/a.db");
        let asked = Error::invalid("no filter").with_source("unknown field");
        assert_eq!(asked.public_message(), "no filter: unknown field");
    }

    #[test]
    fn the_alternate_form_prints_every_cause() {
        let disk = Error::new(ErrorKind::Full, "cannot write a page").with_source("disk full");
        let error = Error::store("cannot commit").with_source(disk);
        assert_eq!(error.to_string(), "cannot commit");
        assert_eq!(
            format!("{error:#}"),
            "cannot commit: cannot write a page: disk full"
        );
        assert_eq!(format!("{:#}", Error::invalid("no")), "no");
    }
}
