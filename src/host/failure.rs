//! Errors of host operations.

use std::{io, process::ExitStatus};

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

/// Describes a failed command: the last line of its stderr, and its exit status.
pub(super) fn command_failure(status: ExitStatus, stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    match text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(last) => format!("{last} ({status})"),
        None => status.to_string(),
    }
}
