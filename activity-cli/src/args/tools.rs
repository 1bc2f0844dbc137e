//! Arguments of the commands that serve and check a store, and that integrate with a shell.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::values;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787", value_parser = values::not_blank)]
    pub(crate) listen: String,
    /// Require this token; mandatory when listening on anything but localhost. Generated if no value is given [env: ACTIVITY_TOKEN]
    // Read by `secrets::Token`: clap would refuse `--token-file`, and a proxy over stdio, because of a variable.
    #[arg(
        long,
        value_name = "SECRET",
        num_args = 0..=1,
        default_missing_value = ""
    )]
    pub(crate) token: Option<String>,
    /// Read the token from this file; `-` for stdin
    #[arg(long, value_name = "FILE", value_parser = values::not_blank, conflicts_with = "token")]
    pub(crate) token_file: Option<String>,
    /// Accept events (`POST api/events`) from clients with the token and from pages of this server
    #[arg(long)]
    pub(crate) accept_events: bool,
    /// Open the dashboard in a browser
    #[arg(long)]
    pub(crate) open: bool,
    /// Also accept this Host header (repeatable)
    #[arg(long, value_name = "NAME", value_parser = values::not_blank)]
    pub(crate) host: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Accept rows deleted or inserted by other programs, noting them in the ledger
    #[arg(long)]
    pub(crate) accept: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell to generate for
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory to write into; it is created if it does not exist
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}
