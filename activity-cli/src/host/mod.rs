//! `activity host`: reads, writes and watches the markers of a host.

mod args;
mod status;
mod touch;
mod watch;

pub(crate) use args::Command;

use crate::failure::Failure;

pub(crate) fn run(store: &str, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Status(args) => status::run(args),
        Command::Touch(args) => touch::run(args),
        Command::Watch(args) => watch::run(store, args),
    }
}
