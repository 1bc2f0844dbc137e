//! Arguments of `activity webhooks`.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;

use crate::complete;

const ADD: &str = "\
Examples:
  activity webhooks add alerts https://example.com/hook status:failed
  activity webhooks add deploys https://example.com/hook \\
    --events type:deployment env:production

The secret is printed: with it the receiver verifies signatures (Standard Webhooks). Use --secret-file to choose it. \
Filters are those of `activity list`, with --events those of `activity events`; their days and times are UTC. Adding a name that exists changes that \
webhook, which keeps its secret and its position.";

const RUN: &str = "\
Examples:
  activity webhooks run
  systemd-run --user activity --store /srv/app/activity.db webhooks run

Each record is sent as a CloudEvent, in order, at least once, until the receiver accepts it; the header `webhook-id` \
identifies duplicates. After 10 error responses it becomes a dead letter, see `activity webhooks dead`. An unreachable \
receiver is retried without limit. One that answers 410 (Gone) gets nothing more until `activity webhooks add` adds it \
again. A program that calls `Webhooks::deliver` needs no `run`: one process delivers.";

const LIST: &str = "\
Examples:
  activity webhooks list
  activity webhooks list --json | jq 'select(.trouble != null)'";

const REMOVE: &str = "\
Examples:
  activity webhooks remove alerts";

const DEAD: &str = "\
Examples:
  activity webhooks dead
  activity webhooks dead --json | jq .id";

const RETRY: &str = "\
Examples:
  activity webhooks retry alerts        all dead letters of a webhook
  activity webhooks retry alerts 4711   one, by SEQ of `activity webhooks dead`";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add or change a webhook and print its secret
    #[command(after_help = ADD)]
    Add(Add),
    /// List webhooks and their status
    #[command(after_help = LIST)]
    List(Json),
    /// Deliver until ctrl-c or SIGTERM
    #[command(after_help = RUN)]
    Run,
    /// List dead letters (deliveries that failed 10 times)
    #[command(after_help = DEAD)]
    Dead(Json),
    /// Deliver dead letters again
    #[command(after_help = RETRY)]
    Retry(Retry),
    /// Remove a webhook and its dead letters
    #[command(after_help = REMOVE)]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// URL of the receiver; `-` to read it from stdin, if it has a password
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    /// Deliver events instead of activities
    #[arg(long)]
    pub(crate) events: bool,
    /// Allow private addresses: this machine and its network
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Start after this position in commit order [default: the newest record]
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) after: Option<i64>,
    /// File with the secret, `whsec_` and base64 [default: generated]
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<std::path::PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// Name of the webhook
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(complete::webhook))]
    pub(crate) name: String,
    /// SEQ of the dead letters [default: all]
    #[arg(value_name = "SEQ")]
    pub(crate) seqs: Vec<i64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Name of the webhook
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(complete::webhook))]
    pub(crate) name: String,
}
