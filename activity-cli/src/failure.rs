//! Why a command ended early, and with which exit code.

use std::{error::Error as StdError, io, process::ExitCode};

use tower_activity::{Error, query::FilterError};

use crate::print::{caret, safe};

const NO_STORE: &str = "a log is made by the first program that opens it: `ActivityLog::open(\"activity.db\")`; \
     `--store PATH` or ACTIVITY_STORE name one that is somewhere else";

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The filter cannot be read: usage.
    Filter(FilterError),
    /// Something else that was typed makes no sense: usage.
    Usage(String),
    /// There is no store where it was looked for.
    NoStore(Error),
    /// The library said no.
    Library(Error),
    /// The output could not be written; when its reader went away, that is no failure.
    Output(io::Error),
    /// Something is wrong, and was said already.
    Found,
}

impl Failure {
    /// True when what was typed makes no sense.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Failure::Filter(_) | Failure::Usage(_) => true,
            Failure::Library(error) => error.is_invalid(),
            _ => false,
        }
    }

    /// Says it on stderr and gives the exit code: 1 failed, 2 usage.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Failure::Filter(error) => {
                anstream::eprint!("{}", caret::pointed(&error));
                ExitCode::from(2)
            }
            Failure::Usage(message) => {
                anstream::eprintln!("{} {}", caret::label(), safe::line(&message));
                ExitCode::from(2)
            }
            Failure::NoStore(error) => {
                complain(&error);
                anstream::eprint!("{}", caret::help(NO_STORE));
                ExitCode::FAILURE
            }
            Failure::Library(error) => {
                complain(&error);
                ExitCode::from(if error.is_invalid() { 2 } else { 1 })
            }
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Failure::Output(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
            Failure::Found => ExitCode::FAILURE,
        }
    }
}

/// Prints an error and what caused it.
pub(crate) fn complain(error: &(dyn StdError + 'static)) {
    let text = with_causes(error);
    anstream::eprintln!("{} {}", caret::label(), safe::line(&text));
}

/// What an error says, and what caused it.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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
