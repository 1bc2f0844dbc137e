//! Arguments of the commands that read records.

use std::{num::NonZeroUsize, path::PathBuf};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCompleter;
use tower_activity::query::{Format, Window, Zone};

use super::values;
use crate::complete;

/// The arguments of a list.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// Maximum number of rows
    #[arg(long, short = 'n', value_name = "N", default_value = "50", value_parser = values::at_least_one)]
    pub(crate) limit: NonZeroUsize,
    /// Continue after this cursor
    #[arg(long, value_name = "CURSOR", value_parser = values::cursor)]
    pub(crate) cursor: Option<String>,
    /// Time zone of days and times [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    /// Include activities inside others, as --json does
    #[arg(long, short)]
    pub(crate) all: bool,
    /// Order: `started`, the newest first, or `duration`, the longest first of those that have ended
    #[arg(
        long,
        value_name = "BY",
        default_value = "started",
        hide_possible_values = true,
        conflicts_with = "cursor"
    )]
    pub(crate) sort: Sort,
    /// Columns, or keys with --json, separated by commas, see below
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', add = ArgValueCompleter::new(complete::activity_field))]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) list: Listing,
}

/// The order of a list, descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    Started,
    Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::event_filter))]
    pub(crate) filter: Vec<String>,
    /// Columns, or keys with --json, separated by commas, see below
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', add = ArgValueCompleter::new(complete::event_field))]
    pub(crate) fields: Vec<String>,
    #[command(flatten)]
    pub(crate) list: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Activity ID or unique prefix; `@` for the newest of `activity list` without a filter, `@~1` for the one before
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::activity_id))]
    pub(crate) id: String,
    /// Print one JSON object: the activity, with its tree under `tree`
    #[arg(long)]
    pub(crate) json: bool,
    /// Open it in the dashboard, served until ctrl-c
    #[arg(long, conflicts_with = "json")]
    pub(crate) web: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    /// Number of ended activities to show first
    #[arg(
        long,
        short = 'n',
        alias = "lines",
        value_name = "N",
        default_value_t = 10
    )]
    pub(crate) limit: usize,
    /// Time zone of days and times in the filter [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    /// Seconds between two views
    #[arg(long, short, value_name = "SECONDS", default_value = "2", value_parser = values::seconds)]
    pub(crate) interval: f64,
    /// Print one view and exit; so does a stdout that is not a terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Time zone of days and times in the filter [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// Print one view as a JSON object and exit
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recording {
    /// Recording ID or unique prefix, as `activity show` lists them; `@` for the newest
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::recording_id))]
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

/// The window of statistics.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WindowArgs {
    /// Window: day, week or month
    #[arg(long, short, default_value_t)]
    pub(crate) window: Window,
    /// Last day of the window [default: today]
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    pub(crate) at: Option<NaiveDate>,
    /// Time zone, such as Asia/Kathmandu [default: the system's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
}

#[derive(Debug, Args)]
pub(crate) struct Errors {
    /// Filter [default: every failure]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) window: WindowArgs,
    /// Maximum number of groups
    #[arg(long, short = 'n', value_name = "N", default_value = "50", value_parser = values::at_least_one)]
    pub(crate) limit: NonZeroUsize,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) window: WindowArgs,
    /// Rank by project, agent, name, brand or, of events, type, instead of showing a time series
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    pub(crate) by: Option<By>,
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Maximum number of rows of a ranking [default: 50, all with --json]
    #[arg(long, short = 'n', value_name = "N", requires = "by", value_parser = values::at_least_one)]
    pub(crate) limit: Option<NonZeroUsize>,
    /// Print one JSON object per line; time series are hourly
    #[arg(long)]
    pub(crate) json: bool,
}

/// Restricts statistics to one project, agent, name or brand.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "by")]
pub(crate) struct Subject {
    /// Only this project
    #[arg(long, value_name = "ID", add = ArgValueCompleter::new(complete::project))]
    pub(crate) project: Option<String>,
    /// Only this agent
    #[arg(long, value_name = "ID", add = ArgValueCompleter::new(complete::agent))]
    pub(crate) agent: Option<String>,
    /// Only this name
    #[arg(long, value_name = "NAME", add = ArgValueCompleter::new(complete::name))]
    pub(crate) name: Option<String>,
    /// Only this brand
    #[arg(long, value_name = "ID", add = ArgValueCompleter::new(complete::brand))]
    pub(crate) brand: Option<String>,
}

/// What `activity stats` ranks by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Project,
    Agent,
    Name,
    Brand,
    Type,
}

#[derive(Debug, Args)]
pub(crate) struct Digest {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::event_filter))]
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
    /// Print one JSON object: the events and counts, without a token budget
    #[arg(long, conflicts_with_all = ["grouped", "tokens"])]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Filter [default: everything]
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(complete::activity_filter))]
    pub(crate) filter: Vec<String>,
    /// Output format: jsonl, csv or cloudevents
    #[arg(long, default_value_t)]
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
