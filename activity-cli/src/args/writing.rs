//! Arguments of the commands that write or delete records.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};
use clap_complete::ArgValueCompleter;
use tower_activity::store::Limit;

use super::values;
use crate::complete;

#[derive(Debug, Args)]
pub(crate) struct Event {
    /// Event type: deployment, github_push or any other
    #[arg(value_name = "TYPE", add = ArgValueCompleter::new(complete::event_type))]
    pub(crate) event_type: String,
    /// What happened, in one line
    #[arg(value_name = "SUMMARY")]
    pub(crate) summary: String,
    /// Project
    #[arg(long, add = ArgValueCompleter::new(complete::project))]
    pub(crate) project: Option<String>,
    /// Agent that caused it
    #[arg(long, add = ArgValueCompleter::new(complete::agent))]
    pub(crate) agent: Option<String>,
    /// User on whose behalf it happened
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Site or product
    #[arg(long, add = ArgValueCompleter::new(complete::brand))]
    pub(crate) brand: Option<String>,
    /// Environment [default: development]
    #[arg(long, alias = "env")]
    pub(crate) environment: Option<String>,
    /// Session or conversation ID
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Request ID
    #[arg(long)]
    pub(crate) request: Option<String>,
    /// Status: running, success, failed, cancelled, skipped or abandoned
    #[arg(long, default_value = "success")]
    pub(crate) status: String,
    /// Number of items it covers
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,
    /// Reference: a commit, a file, an ID elsewhere
    #[arg(long = "ref", alias = "reference", value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// Details
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    /// Deduplication key: repeats of the same type, project and actor are ignored
    #[arg(long, value_name = "KEY")]
    pub(crate) dedup_key: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Forward {
    /// Address of the central store: postgres://user@host/database, or clickhouse://…
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// End when everything is forwarded, and verify it
    #[arg(long)]
    pub(crate) once: bool,
    /// Forward everything again: the central store was restored from a backup
    #[arg(long)]
    pub(crate) again: bool,
    /// With --again: only records dated from TIME on, an age (2d) or a date [default: all]
    #[arg(long, value_name = "TIME", requires = "again")]
    pub(crate) since: Option<String>,
    /// Forget this target: retention no longer keeps what it does not have
    #[arg(long, conflicts_with_all = ["once", "again"])]
    pub(crate) forget: bool,
    /// Print one JSON object
    #[arg(long, requires = "once")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Input file; `-` for stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: String,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limits").required(true).multiple(true).args(["older_than", "larger_than"])))]
pub(crate) struct Prune {
    /// Delete records older than AGE: an age (30d, 12h) or a date
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// Delete oldest until each kind is below SIZE (500MB, 2GB)
    #[arg(long, value_name = "SIZE", value_parser = values::bytes)]
    pub(crate) larger_than: Option<u64>,
    /// Kinds of records to delete, separated by commas
    #[arg(long, value_delimiter = ',', default_values = ["activities", "events"])]
    pub(crate) what: Vec<DataKind>,
    /// Only report what would be deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A kind of stored data that has a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataKind {
    /// Ended activities, with their previews
    Activities,
    Events,
    /// Payload previews of activities that stay
    Previews,
    /// Statistics
    Sums,
    /// Ended recordings of activities that stay
    Recordings,
}

#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// Limit of ended activities and their previews
    #[arg(long, value_name = "LIMIT")]
    pub(crate) activities: Option<Limit>,
    /// Limit of events
    #[arg(long, value_name = "LIMIT")]
    pub(crate) events: Option<Limit>,
    /// Limit of previews whose activities stay
    #[arg(long, value_name = "LIMIT")]
    pub(crate) previews: Option<Limit>,
    /// Limit of statistics
    #[arg(long, value_name = "LIMIT")]
    pub(crate) sums: Option<Limit>,
    /// Limit of recordings
    #[arg(long, value_name = "LIMIT")]
    pub(crate) recordings: Option<Limit>,
    /// Print one JSON object per kind
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// User ID
    #[arg(long, value_name = "ID", value_parser = values::not_blank)]
    pub(crate) actor: String,
    /// Only report what would be erased
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to create; it must not exist
    pub(crate) file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
