//! Errors of host operations.

use std::{error::Error as _, io, process::ExitStatus};

use crate::error::{Error, ErrorKind};

/// Wraps an I/O error: `attempt` becomes the message, `cause` the source.
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

/// Formats an error and its sources on one line, separated by `: `.
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

/// Describes a failed command: the last line of its stderr, and its exit status.
pub(super) fn command_failure(status: ExitStatus, stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    match text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(last) => format!("{last} ({status})"),
        None => status.to_string(),
    }
}
