//! Secrets that a command takes: from files and stdin, and those that were arguments.

use std::{
    env::{self, VarError},
    fs,
    io::{self, Read},
};

use tower_activity::{Error, ErrorKind};

use crate::{failure::Failure, print};

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

/// The token that requests to a server must send.
pub(crate) struct Token {
    secret: String,
    /// Generated here, so it has to be printed.
    generated: bool,
}

impl Token {
    /// Returns the token of `--token-file` or `--token`, else of `ACTIVITY_TOKEN`. Warns if every user of the machine can see it.
    pub(crate) fn of_args(
        given: Option<&str>,
        file: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let given = match (given, file) {
            (_, Some(file)) => Some(read(file)?),
            (Some(given), None) => Some(given.to_owned()),
            (None, None) => match env::var("ACTIVITY_TOKEN") {
                Ok(token) => Some(token),
                Err(VarError::NotPresent) => None,
                Err(VarError::NotUnicode(_)) => {
                    let what = "cannot use ACTIVITY_TOKEN: it is not UTF-8";
                    return Err(Failure::Usage(what.to_owned()));
                }
            },
        };
        let token = given.as_deref().map(Token::new).transpose()?;
        if let Some(token) = token.as_ref().filter(|token| !token.generated)
            && is_argument(&token.secret)
        {
            print::note(
                "warning: every user of this machine can see the token in the list of processes: use --token-file FILE, or \
                 the variable ACTIVITY_TOKEN",
            );
        }
        Ok(token)
    }

    /// Uses the given token; generates one of 128 random bits if it is empty.
    fn new(given: &str) -> Result<Self, Failure> {
        if !given.is_empty() && given.trim().is_empty() {
            let what = "the token is blank: give one, or an empty one to have it generated";
            return Err(Failure::Usage(what.to_owned()));
        }
        if !given.is_empty() {
            let secret = given.to_owned();
            return Ok(Token {
                secret,
                generated: false,
            });
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|cause| {
            Error::store("cannot generate a token: the system has no random numbers")
                .with_source(cause)
        })?;
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Token {
            secret,
            generated: true,
        })
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.secret
    }

    /// Returns the token as printed: a given one is not repeated in the terminal.
    pub(crate) fn shown(&self) -> &str {
        match self.generated {
            true => &self.secret,
            false => "…",
        }
    }
}
