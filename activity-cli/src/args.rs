//! What can be typed.

mod help;
mod places;

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tower_activity::{
    query::{Format, Window, Zone},
    store::Limit,
};

use self::help::{
    BACKUP, COMPLETIONS, DIGEST, DOCTOR, ERASE, EVENT, EVENT_FILTERS, EVENTS, EXPORT, FILTERS,
    IMPORT, LIST, MCP, PRUNE, REBUILD, RECORDING, RETENTION, SERVE, SHOW, STATS, TAIL,
};
use crate::{host, webhooks};

/// Sees which tool calls and requests are on record.
#[derive(Debug, Parser)]
#[command(name = "activity", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where the activities are kept.
    #[arg(
        long,
        global = true,
        value_name = "PATH|URL",
        env = "ACTIVITY_STORE",
        default_value = "activity.db"
    )]
    pub(crate) store: String,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists activities, newest first.
    #[command(after_help = format!("{LIST}\n\n{FILTERS}"))]
    List(List),
    /// Shows one activity: what went wrong, what it was about, what ran inside of it.
    #[command(after_help = SHOW)]
    Show(Show),
    /// Follows activities as they happen.
    #[command(after_help = format!("{TAIL}\n\n{FILTERS}"))]
    Tail(Tail),
    /// Records one event, and prints its id: for scripts and hooks.
    #[command(after_help = EVENT)]
    Event(Box<Event>),
    /// Lists events, newest first.
    #[command(after_help = format!("{EVENTS}\n\n{EVENT_FILTERS}"))]
    Events(List),
    /// Says when a host was last used, or that it is used now, or watches it.
    #[command(subcommand)]
    Host(host::Command),
    /// Counts activities: how many, how long, how many failed, by the hour or the day.
    #[command(after_help = STATS)]
    Stats(Stats),
    /// Prints what happened lately as Markdown, short enough for a prompt.
    #[command(after_help = DIGEST)]
    Digest(Digest),
    /// Writes activities or events as JSON Lines, CSV or CloudEvents, for other programs.
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Shows what is on record in a browser, and over HTTP to programs.
    #[command(after_help = SERVE)]
    Serve(Serve),
    /// Import activities or events that another log has exported as JSON Lines
    #[command(after_help = IMPORT)]
    Import(Import),
    /// Lets a model ask what was done: an MCP server over stdio, for the client that starts it.
    #[command(after_help = MCP)]
    Mcp,
    /// Tells other programs of activities and events, as they are committed.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Deletes what is too old or too much.
    #[command(after_help = PRUNE)]
    Prune(Prune),
    /// Show or set how long records are kept.
    #[command(after_help = RETENTION)]
    Retention(Retention),
    /// Erases what is known of a user: payloads, messages, details, ids. What was counted stays counted.
    #[command(after_help = ERASE)]
    Erase(Erase),
    /// Copy the log into a new file while others record, and verify the copy.
    #[command(after_help = BACKUP)]
    Backup(Backup),
    /// Adds all sums up again, from the activities that are on record.
    #[command(after_help = REBUILD)]
    Rebuild,
    /// Writes out what a recording holds: rrweb's events as JSON, a terminal's as a cast file.
    #[command(after_help = RECORDING)]
    Recording(Recording),
    /// Checks the store, and says where every activity went. Fails when something is wrong.
    #[command(after_help = DOCTOR)]
    Doctor(Doctor),
    /// Prints what a shell completes this command with.
    #[command(after_help = COMPLETIONS)]
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write; it must not exist.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Which ones; all of them where nothing is given.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// How many at most.
    #[arg(long, short = 'n', value_name = "N", default_value = "50")]
    pub(crate) limit: NonZeroUsize,
    /// Goes on where an earlier list ended.
    #[arg(long, value_name = "CURSOR", value_parser = places::cursor)]
    pub(crate) cursor: Option<String>,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The activity's id, or as much of its beginning as no other id has.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Prints one JSON object: the activity, and its whole tree under `tree`.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// Which activities; all of them where nothing is given.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// How many to show of those that have ended already.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Event {
    /// What sort of fact it is: `deployment`, `github_push`, or any other.
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
    /// What happened, in one line.
    #[arg(value_name = "SUMMARY")]
    pub(crate) summary: String,
    /// The project it belongs to.
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The agent that caused it.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The user on whose behalf it happened.
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// The site or product it is for.
    #[arg(long)]
    pub(crate) brand: Option<String>,
    /// The environment; `development` where nothing is given.
    #[arg(long, alias = "env")]
    pub(crate) environment: Option<String>,
    /// The client's session or conversation.
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// The client's id of the request.
    #[arg(long)]
    pub(crate) request: Option<String>,
    /// How what it tells of stands or ended: running, success, failed, cancelled, skipped, abandoned.
    #[arg(long, default_value = "success")]
    pub(crate) status: String,
    /// How many things it tells of.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,
    /// What it is about: a commit, a file, an id elsewhere.
    #[arg(long = "ref", alias = "reference", value_name = "TEXT")]
    pub(crate) reference: Option<String>,
    /// The details.
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
    /// Deduplication key: repeats of the same type, project and actor are ignored
    #[arg(long, value_name = "KEY")]
    pub(crate) dedup_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Recording {
    /// The recording's id, or as much of its beginning as no other id has. `activity show` lists them.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Where to; to the output where nothing is given.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Which track, of a browser's tabs say; the first one where nothing is given.
    #[arg(long, value_name = "NAME")]
    pub(crate) track: Option<String>,
    /// Prints what is added as it is, until the recording ends: rrweb's events one a line.
    #[arg(long, short, conflicts_with = "output")]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// How much time is looked at: day, week or month.
    #[arg(long, short, default_value_t)]
    pub(crate) window: Window,
    /// Lists what there is most of, instead of a history.
    #[arg(long, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    #[command(flatten)]
    pub(crate) subject: Subject,
    /// Where days begin, such as Asia/Kathmandu; the machine's own time zone where nothing is given.
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
    /// The last day of the window; today where nothing is given.
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<NaiveDate>,
    /// Prints one JSON object a line, histories by the hour.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose activities are counted.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "by")]
pub(crate) struct Subject {
    /// Only those of this project.
    #[arg(long, value_name = "ID")]
    pub(crate) project: Option<String>,
    /// Only those of this agent.
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<String>,
    /// Only those of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only those of this brand.
    #[arg(long, value_name = "ID")]
    pub(crate) brand: Option<String>,
}

/// What a list of sums is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Project,
    Agent,
    Name,
    Brand,
    /// Events, by their type.
    Type,
}

#[derive(Debug, Args)]
pub(crate) struct Digest {
    /// Which events; all of them where nothing is given.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Only those of this user.
    #[arg(long, value_name = "ID")]
    pub(crate) actor: Option<String>,
    /// How many events at most are told one by one.
    #[arg(long, short = 'n', value_name = "N", default_value = "10")]
    pub(crate) limit: NonZeroUsize,
    /// How many times 24 hours it goes back.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) days: u32,
    /// Goes back to midnight.
    #[arg(long, conflicts_with = "days")]
    pub(crate) today: bool,
    /// How many tokens at most.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) tokens: usize,
    /// Counts by type, then lists what failed.
    #[arg(long)]
    pub(crate) grouped: bool,
    /// Whose clock is shown; the machine's own time zone where nothing is given.
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<Zone>,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Which ones; all of them where nothing is given.
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// In which form: jsonl, csv or cloudevents.
    #[arg(long, short, default_value_t)]
    pub(crate) format: Format,
    /// Events instead of activities.
    #[arg(long)]
    pub(crate) events: bool,
    /// The file to write, for its owner alone; the standard output where nothing is given.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Goes on after this place; a file is added to.
    #[arg(long, value_name = "PLACE", value_parser = places::place)]
    pub(crate) after: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,
    /// Lets in whoever has this secret: needed where others than this machine are to reach it. Without a value it makes a
    /// random one, and prints the link that lets in a browser.
    #[arg(
        long,
        value_name = "SECRET",
        num_args = 0..=1,
        default_missing_value = "",
        env = "ACTIVITY_TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// Takes events too (`POST api/events`), from programs with the token and from pages of this server.
    #[arg(long)]
    pub(crate) accept_events: bool,
    /// Answers to this name of a host too, beside those of this machine. May be given several times.
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
    /// The shell: bash, zsh, fish, ..
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// What started before: an age (30d, 12h) or a date.
    #[arg(long, value_name = "AGE", required_unless_present = "larger_than")]
    pub(crate) older_than: Option<String>,
    /// The oldest, until the rest of each takes no more: a size (500MB, 2GB).
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) larger_than: Option<u64>,
    /// What is deleted.
    #[arg(long, value_delimiter = ',', default_values = ["activities", "events"])]
    pub(crate) what: Vec<Kept>,
    /// Says how much it would be, and deletes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// Set the limit of ended activities and their previews.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) activities: Option<Limit>,
    /// Set the limit of events.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) events: Option<Limit>,
    /// Set the limit of previews, when their activities stay.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) previews: Option<Limit>,
    /// Set the limit of the sums that `stats` counts with.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) sums: Option<Limit>,
    /// Set the limit of recordings.
    #[arg(long, value_name = "LIMIT")]
    pub(crate) recordings: Option<Limit>,
    /// Print one JSON object per kind.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// The user.
    #[arg(long, value_name = "ID")]
    pub(crate) actor: String,
    /// Says how much it would be, and erases nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kept {
    /// Ended activities, with their previews.
    Activities,
    Events,
    /// Payloads of activities that stay.
    Previews,
    /// What `stats` counts with.
    Sums,
    /// Ended recordings of activities that stay.
    Recordings,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Accept rows that other programs deleted or inserted: write them into the ledger.
    #[arg(long)]
    pub(crate) accept: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a size as `human::bytes` writes it, with or without a space and a point.
fn bytes(text: &str) -> Result<u64, String> {
    let what = || format!("{text:?} is not a size: write 500MB or 2GB");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.strip_suffix(unit).unwrap_or(text);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return Err(what()),
    };
    let number: f64 = number.parse().map_err(|_| what())?;
    Ok((number * factor) as u64)
}

/// Lets `-env:dev` be part of a filter: with a space before it, no option is seen in it.
///
/// No option of ours is two letters and a colon.
pub(crate) fn with_exclusions(
    args: impl Iterator<Item = OsString>,
) -> impl Iterator<Item = OsString> {
    args.map(|arg| match arg.to_str() {
        Some(text) if is_exclusion(text) => OsString::from(format!(" {text}")),
        _ => arg,
    })
}

fn is_exclusion(arg: &str) -> bool {
    let field = arg.strip_prefix('-').and_then(|rest| rest.split_once(':'));
    field.is_some_and(|(name, _)| {
        name.len() > 1 && name.chars().all(|c| c.is_alphabetic() || c == '_')
    })
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
            // Prose is as wide as the terminal is.
            let prose = |line: &&str| !line.starts_with(' ') && !line.is_empty();
            let lines: Vec<_> = help.lines().filter(|line| !line.ends_with(':')).collect();
            assert!(!lines.windows(2).any(|two| two.iter().all(prose)), "{name}");
            commands.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn an_exclusion_is_no_option() {
        let check = |arg: &str, expected| assert_eq!(is_exclusion(arg), expected, "{arg}");
        check("-env:dev", true);
        check("-statsu:failed", true);
        check("--limit", false);
        check("-n", false);
        check("-n5", false);
        check("env:dev", false);
        check("--store=a:b", false);
    }
}
