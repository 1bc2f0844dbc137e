//! What can be typed after `activity webhooks`.

use clap::{Args, Subcommand};

const ADD: &str = "\
Examples:
  activity webhooks add alerts https://example.com/hook status:failed project:acme
  activity webhooks add deploys https://example.com/hook --events type:deployment env:production

What is printed is the secret that the receiver verifies signatures with (Standard Webhooks); with --secret-file it is \
one of yours. Filters are those of `activity list`, with --events those of `activity events`. A webhook of the same name \
is changed, keeps its secret and goes on where it was.";

const RUN: &str = "\
Examples:
  activity webhooks run
  systemd-run --user activity --store /srv/app/activity.db webhooks run

Each record is a CloudEvent, sent until it is taken, in order, at least once: `webhook-id` tells the receiver what it has \
already. After 10 answers that are no success it is set aside, see `activity webhooks dead`. A receiver that is not there is \
waited for; one that answers 410 (gone) is sent nothing more until `activity webhooks add` adds it again. A program that calls `Webhooks::deliver` needs no `run`: one of them delivers.";

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
  activity webhooks retry alerts              all that was set aside for it
  activity webhooks retry alerts 4711         one, by its place (SEQ) in `activity webhooks dead`";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Adds a webhook, or changes it, and prints its secret.
    #[command(after_help = ADD)]
    Add(Add),
    /// Lists webhooks, and how they stand.
    #[command(after_help = LIST)]
    List(Json),
    /// Delivers until it is asked to end, by ctrl-c or SIGTERM.
    #[command(after_help = RUN)]
    Run,
    /// Lists what was set aside because its receiver did not take it.
    #[command(after_help = DEAD)]
    Dead(Json),
    /// Sends once more what was set aside.
    #[command(after_help = RETRY)]
    Retry(Retry),
    /// Removes a webhook, with what was set aside for it.
    #[command(after_help = REMOVE)]
    Remove(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to call it.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to send to.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Which ones; all of them where nothing is given.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Events instead of activities.
    #[arg(long)]
    pub(crate) events: bool,
    /// Lets it send to this machine and its network, too.
    #[arg(long)]
    pub(crate) allow_private: bool,
    /// Begins after this place in the order of commits, instead of with what comes next.
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) after: Option<i64>,
    /// A file with the secret: `whsec_` and base64.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<std::path::PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Json {
    /// Prints one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The webhook's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The places of the records; all of them where nothing is given.
    #[arg(value_name = "SEQ")]
    pub(crate) seqs: Vec<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The webhook's name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
