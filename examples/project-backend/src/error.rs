//! Errors of operations.

use std::{fmt, io};

/// The result of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of an operation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The project does not exist, or belongs to another user.
    NoProject(String),
    /// The request is invalid.
    Invalid(String),
    /// The database failed.
    Sql(rusqlite::Error),
    /// The disk failed.
    Disk(io::Error),
    /// Git failed.
    Git(String),
    /// The log cannot be read.
    Record(tower_activity::Error),
}

impl Error {
    /// The error type of a failed activity: one of a few.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Error::NoProject(_) => "no_project",
            Error::Invalid(_) => "invalid",
            Error::Sql(_) => "sql",
            Error::Disk(_) => "disk",
            Error::Git(_) => "git",
            Error::Record(_) => "record",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoProject(name) => write!(f, "there is no project {name:?}"),
            Error::Invalid(what) | Error::Git(what) => f.write_str(what),
            Error::Sql(error) => error.fmt(f),
            Error::Disk(error) => error.fmt(f),
            Error::Record(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Error::Sql(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Disk(error)
    }
}

impl From<tower_activity::Error> for Error {
    fn from(error: tower_activity::Error) -> Self {
        Error::Record(error)
    }
}
