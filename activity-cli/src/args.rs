//! The command line: subcommands, arguments and options.

mod exclusions;
mod help;
pub(crate) mod values;

use std::{num::NonZeroUsize, path::PathBuf};

use chrono::NaiveDate;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tower_activity::{
    query::{Format, Window, Zone},
    store::Limit,
};

pub(crate) use self::exclusions::with_exclusions;
use self::help::{
    BACKUP, COMPLETIONS, DIGEST, DOCTOR, ERASE, ERRORS, EVENT, EVENT_FILTERS, EVENTS, EXPORT,
    FILTERS, IMPORT, LIST, MCP, PRUNE, REBUILD, RECORDING, RETENTION, SERVE, SHOW, STATS, TAIL,
};
use crate::{host, token, webhooks};

/// Inspect recorded tool calls and requests
#[derive(Debug, Parser)]
#[command(name = "activity", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Store to use [env: ACTIVITY_STORE] [default: activity.db]
    // Read by `source::named`: clap would add an option from the environment to the usage of every error.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Global options"
    )]
    pub(crate) store: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List activities, newest first
    #[command(after_help = format!("{LIST}\n\n{FILTERS}"))]
    List(List),
    /// Show one activity: its error, details, events and tree
    #[command(after_help = SHOW)]
    Show(Show),
    /// Follow activities as they start and end
    #[command(after_help = format!("{TAIL}\n\n{FILTERS}"))]
    Tail(Tail),
    /// Record one event and print its ID, for scripts and hooks
    #[command(after_help = EVENT)]
    Event(Box<Event>),
    /// List events, newest first
    #[command(after_help = format!("{EVENTS}\n\n{EVENT_FILTERS}"))]
    Events(List),
    /// Show, mark or watch the activity of a host
    #[command(subcommand)]
    Host(host::Command),
    /// List errors, grouped by name, type and message
    #[command(after_help = format!("{ERRORS}\n\n{FILTERS}"))]
    Errors(Errors),
    /// Show counts, failures and durations, by the hour or day
    #[command(after_help = STATS)]
    Stats(Stats),
    /// Summarize recent events as Markdown, for a prompt
    #[command(after_help = DIGEST)]
    Digest(Digest),
    /// Export activities or events as JSON Lines, CSV or CloudEvents
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Serve the dashboard and the HTTP API
    #[command(after_help = SERVE)]
    Serve(Serve),
    /// Import activities or events from an export in JSON Lines
    #[command(after_help = IMPORT)]
    Import(Import),
    /// Run an MCP server over stdio, for the client that starts it
    #[command(after_help = MCP)]
    Mcp,
    /// Manage tokens for readers of the HTTP API
    #[command(subcommand)]
    Token(token::Command),
    /// Manage and deliver webhooks
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Delete old records, by age or size
    #[command(after_help = PRUNE)]
    Prune(Prune),
    /// Show or set how long records are kept
    #[command(after_help = RETENTION)]
    Retention(Retention),
    /// Erase the content recorded about a user; statistics stay
    #[command(after_help = ERASE)]
    Erase(Erase),
    /// Copy the store into a new file while others record, and verify it
    #[command(after_help = BACKUP)]
    Backup(Backup),
    /// Recompute statistics from stored activities
    #[command(after_help = REBUILD)]
    Rebuild,
    /// Export a recording, as rrweb JSON or a terminal cast file
    #[command(after_help = RECORDING)]
    Recording(Recording),
    /// Check the store and account for every record; fail on a problem
    #[command(after_help = DOCTOR)]
    Doctor(Doctor),
    /// Generate shell completions
    #[command(after_help = COMPLETIONS)]
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to create; it must not exist
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Maximum number of rows
    #[arg(long, short = 'n', value_name = "N", default_value = "50", value_parser = values::at_least_one)]
    pub(crate) limit: NonZeroUsize,
    /// Continue after this cursor
    #[arg(long, value_name = "CURSOR", value_parser = values::cursor)]
    pub(crate) cursor: Option<String>,
    /// Time zone of days and times in the filter [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Activity ID or unique prefix
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Print one JSON object: the activity, with its tree under `tree`
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Number of ended activities to show first
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Time zone of days and times in the filter [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Event {
    /// Event type: deployment, github_push or any other
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
    /// What happened, in one line
    #[arg(value_name = "SUMMARY")]
    pub(crate) summary: String,
    /// Project
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Agent that caused it
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// User on whose behalf it happened
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Site or product
    #[arg(long)]
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
}

#[derive(Debug, Args)]
pub(crate) struct Recording {
    /// Recording ID or unique prefix; `activity show` lists them
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Output file [default: stdout]
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Track to export, such as a browser tab [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(crate) track: Option<String>,
    /// Print new content until the recording ends, rrweb events one per line
    #[arg(long, short, conflicts_with = "output")]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// Filter [default: every failure]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Window: day, week or month
    #[arg(long, short, default_value_t)]
    pub(crate) window: Window,
    /// Maximum number of groups
    #[arg(long, short = 'n', value_name = "N", default_value = "50", value_parser = values::at_least_one)]
    pub(crate) limit: NonZeroUsize,
    /// Time zone, such as Asia/Kathmandu [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Last day of the window [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub(crate) at: Option<NaiveDate>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Window: day, week or month
    #[arg(long, short, default_value_t)]
    pub(crate) window: Window,
    /// Rank by this instead of showing a time series
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Time zone, such as Asia/Kathmandu [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Last day of the window [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub(crate) at: Option<NaiveDate>,
    /// Print one JSON object per line; time series are hourly
    #[arg(long)]
    pub(crate) json: bool,
}

/// Restricts statistics to one project, agent, name or brand.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "by")]
pub(crate) struct Subject {
    /// Only this project
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// Only this agent
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Only this name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only this brand
    #[arg(long, value_name = "ID")]
    pub(crate) brand: Option<String>,
}

/// What `activity stats` ranks by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Project,
    Agent,
    Name,
    Brand,
    /// Events, by type
    Type,
}

#[derive(Debug, Args)]
pub(crate) struct Digest {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Only this user
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// Maximum number of events listed one by one
    #[arg(long, short = 'n', value_name = "N", default_value = "10", value_parser = values::at_least_one)]
    pub(crate) limit: NonZeroUsize,
    /// Number of days to look back, of 24 hours each
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) days: u32,
    /// Look back to midnight instead
    #[arg(long, conflicts_with = "days")]
    pub(crate) today: bool,
    /// Token budget
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) tokens: usize,
    /// Print counts per type, then failures
    #[arg(long)]
    pub(crate) grouped: bool,
    /// Time zone, such as Asia/Kathmandu [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Output format: jsonl, csv or cloudevents
    #[arg(long, short, default_value_t)]
    pub(crate) format: Format,
    /// Export events instead of activities
    #[arg(long)]
    pub(crate) events: bool,
    /// Output file, readable by its owner only [default: stdout]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Continue after this position, and append to FILE
    #[arg(long, value_name = "POSITION", value_parser = values::position)]
    pub(crate) after: Option<String>,
    /// Time zone of days and times in the filter [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,
    /// Require this token; mandatory when listening on anything but localhost. Generated if no value is given
    #[arg(
        long,
        value_name = "SECRET",
        num_args = 0..=1,
        default_missing_value = "",
        env = "ACTIVITY_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// Read the token from this file; `-` for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<String>,
    /// Accept events (`POST api/events`) from clients with the token and from pages of this server
    #[arg(long)]
    pub(crate) accept_events: bool,
    /// Also accept this Host header (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Input file; `-` for stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell to generate for
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
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
    #[arg(long, value_name = "ID")]
    pub(crate) actor: String,
    /// Only report what would be erased
    #[arg(long)]
    pub(crate) dry_run: bool,
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
pub(crate) struct Doctor {
    /// Accept rows deleted or inserted by other programs, noting them in the ledger
    #[arg(long)]
    pub(crate) accept: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        use clap::CommandFactory;
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string);
            let leaf = command.get_subcommands().next().is_none();
            let name = command.get_name();
            let help = help.unwrap_or_default();
            assert!(!leaf || help.contains("Examples:\n"), "{name}");
            for line in help.lines().filter(|line| line.starts_with(' ')) {
                assert!(line.chars().count() <= 80, "{name}: {line}");
            }
            // A paragraph is one line, which clap wraps at the terminal's width.
            let prose = |line: &&str| !line.starts_with(' ') && !line.is_empty();
            let lines: Vec<_> = help.lines().filter(|line| !line.ends_with(':')).collect();
            assert!(!lines.windows(2).any(|two| two.iter().all(prose)), "{name}");
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
