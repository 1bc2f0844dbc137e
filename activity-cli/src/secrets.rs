//! Secrets that a command takes: from files and stdin, and those that were arguments.

use std::{
    env, fs,
    io::{self, Read},
};

use tower_activity::{Error, ErrorKind};

use crate::failure::Failure;

/// Reads a secret from a file, or from stdin for `-`, without the line break at its end.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().read_to_string(&mut text).map(drop),
        file => fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|cause| {
        let what = format!("cannot read a secret from {file:?}");
        Error::new(ErrorKind::Invalid, what).with_source(cause)
    })?;
    match text.trim() {
        "" => Err(Failure::Usage(format!(
            "no secret in {file:?}: it is empty"
        ))),
        secret => Ok(secret.to_owned()),
    }
}

/// Whether a secret is part of an argument, which other users see in the list of processes.
pub(crate) fn is_argument(secret: &str) -> bool {
    env::args_os()
        .skip(1)
        .any(|argument| argument.to_string_lossy().contains(secret))
}
