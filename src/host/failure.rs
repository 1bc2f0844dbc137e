//! What went wrong with a host, in words.

use std::{error::Error as _, io, process::ExitStatus};

use crate::error::{Error, ErrorKind};

/// What the system said no to.
pub(super) fn io_error(attempt: String, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ErrorKind::Full
        }
        _ => ErrorKind::Host,
    };
    Error::new(kind, attempt).with_source(cause)
}

/// An error and what caused it, in one line.
pub(super) fn error_chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What a command that failed said last, and how it ended.
pub(super) fn command_failure(status: ExitStatus, stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    match said.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(last) => format!("{last} ({status})"),
        None => status.to_string(),
    }
}
