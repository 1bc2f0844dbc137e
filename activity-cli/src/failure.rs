//! Failures of commands: message, hint and exit code.

use std::{fmt, io, process::ExitCode};

use tower_activity::{Error, query::FilterError};

use crate::print::{self, filter_error, safe};

const NO_STORE: &str = "use --store PATH or ACTIVITY_STORE to name another store";

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The filter is invalid. Exit code 2.
    Filter(FilterError),
    /// Another argument is invalid. Exit code 2.
    Usage(String),
    /// There is no store at that path, but perhaps another, at which a hint points.
    NoStore(Error, Option<String>),
    /// The library returned an error. Exit code 2 if the arguments are invalid.
    Library(Error),
    /// The output could not be written. A closed pipe counts as success.
    Output(io::Error),
    /// A problem that was already printed.
    Reported,
    /// A command that was run has ended with this exit code.
    Exited(u8),
}

impl Failure {
    /// Returns true if the arguments are invalid.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Failure::Filter(_) | Failure::Usage(_) => true,
            Failure::Library(error) => error.is_invalid(),
            _ => false,
        }
    }

    /// Prints the failure on stderr and returns the exit code: 1 for a failure, 2 for usage.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Filter(error) => {
                print::note(&filter_error::render(&error));
                ExitCode::from(2)
            }
            Failure::Usage(message) => {
                print::note(&format!(
                    "{} {}",
                    filter_error::label(),
                    safe::line(&message)
                ));
                ExitCode::from(2)
            }
            Failure::NoStore(error, hint) => {
                print_error(&error);
                print::note(&filter_error::help(hint.as_deref().unwrap_or(NO_STORE)));
                ExitCode::FAILURE
            }
            Failure::Library(error) => {
                print_error(&error);
                ExitCode::from(if error.is_invalid() { 2 } else { 1 })
            }
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Failure::Output(error) => {
                print_error(&error);
                ExitCode::FAILURE
            }
            Failure::Reported => ExitCode::FAILURE,
            Failure::Exited(code) => ExitCode::from(code),
        }
    }
}

/// Prints an error of the arguments on stderr, or on stdout the help or version that they ask for. Returns the exit code.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(cause) if !error.use_stderr() => Failure::Output(cause).report(),
        // Nothing else says what is wrong with the arguments.
        _ => ExitCode::from(error.exit_code() as u8),
    }
}

/// Prints an error on stderr; a library error in the form `{:#}`, with its causes.
pub(crate) fn print_error(error: &dyn fmt::Display) {
    let text = format!("{error:#}");
    print::note(&format!("{} {}", filter_error::label(), safe::line(&text)));
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        Failure::Filter(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}
