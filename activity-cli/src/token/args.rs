//! Arguments of `activity token`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;

use crate::{args::values, complete};

const CREATE: &str = "\
Examples:
  activity token create acme --filter 'project:acme' --expires 30d
  activity token create ci > token.txt

The token is printed once: the store keeps only its hash. `activity serve` accepts it, and so does a router with \
`stored_tokens()`. It only grants reading. In a filter the case of values matters; project, agent, actor, brand, environment, \
session, request, status and time can be used. `since:24h` is counted from each request.";

const LIST: &str = "\
Examples:
  activity token list
  activity token list --json | jq 'select(.expires_at == null)'";

const REVOKE: &str = "\
Examples:
  activity token revoke acme

Servers reject it at once, and end its streams.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a token and print it
    #[command(after_help = CREATE)]
    Create(Create),
    /// List tokens, without their secrets
    #[command(after_help = LIST)]
    List(List),
    /// Revoke a token
    #[command(after_help = REVOKE)]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Limit it to records that match [default: everything]
    #[arg(long, value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Option<String>,
    /// When it expires: an age (30d, 12h) or a date [default: never]
    #[arg(long, value_name = "WHEN", value_parser = values::future)]
    pub(crate) expires: Option<DateTime<Utc>>,
    /// Print one JSON object, with the token
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Name of the token
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(complete::token))]
    pub(crate) name: String,
}
