//! The command line: subcommands, arguments and options.

mod exclusions;
mod help;
mod reading;
mod tools;
pub(crate) mod values;
mod writing;

use std::env;

use clap::{
    Parser, Subcommand, ValueEnum, ValueHint,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use self::help::{
    BACKUP, COMPLETIONS, DIGEST, DOCTOR, ERASE, ERRORS, EVENT, EVENT_FIELDS, EVENT_FILTERS, EVENTS,
    EXPORT, FIELDS, FILTERS, FORWARD, IMPORT, LIST, MAN, MCP, MCP_CONFIG, PROXY, PRUNE, REBUILD,
    RECORDING, RETENTION, SERVE, SHOW, STATS, TAIL, TOP,
};
pub(crate) use self::{
    exclusions::with_exclusions,
    reading::{
        By, Digest, Errors, Events, Export, List, Listing, Recording, Show, Sort, Stats, Tail, Top,
        WindowArgs,
    },
    tools::{Completions, Doctor, Man, Serve},
    writing::{Backup, DataKind, Erase, Event, Forward, Import, Prune, Rebuild, Retention},
};
use crate::{host, mcp_config, proxy, token, webhooks};

/// Inspect recorded tool calls and requests
#[derive(Debug, Parser)]
#[command(name = "activity", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Store to use [env: ACTIVITY_STORE] [default: activity.db; for `proxy` and `mcp-config`: activity-proxy.db in the user's data directory]
    // Read by `source::named`: clap would add an option from the environment to the usage of every error.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        value_hint = ValueHint::FilePath,
        value_parser = values::not_blank,
        help_heading = "Global options"
    )]
    pub(crate) store: Option<String>,
    /// When to use colours: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Adds how the command line of a server is written, if a proxy is given one without `--`.
pub(crate) fn with_hint(mut error: Error) -> Error {
    let is_of_proxy = |usage: &ContextValue| usage.to_string().contains("activity proxy");
    let command = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(first)) if !first.starts_with('-') => first.clone(),
        _ => return error,
    };
    let is_over_http = || env::args().any(|one| one == "--to" || one.starts_with("--to="));
    if error.kind() == ErrorKind::UnknownArgument
        && error.get(ContextKind::Usage).is_some_and(is_of_proxy)
        && !is_over_http()
    {
        let hint = format!(
            "write `--` before the command of the server: activity proxy [OPTIONS] -- {command} …"
        );
        let hint = ContextValue::StyledStrs(vec![hint.into()]);
        error.insert(ContextKind::Suggested, hint);
    }
    error
}

/// When output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List activities, newest first: those at the top level
    #[command(visible_alias = "ls", after_help = format!("{LIST}\n\n{FILTERS}\n\n{FIELDS}"))]
    List(List),
    /// Show one activity: its error, details, events and tree
    #[command(after_help = SHOW)]
    Show(Show),
    /// Follow activities as they start and end
    #[command(after_help = format!("{TAIL}\n\n{FILTERS}"))]
    Tail(Tail),
    /// Watch running calls, rates, failures and the slowest names
    #[command(after_help = TOP)]
    Top(Top),
    /// List errors, grouped by name, type and message
    #[command(after_help = format!("{ERRORS}\n\n{FILTERS}"))]
    Errors(Errors),
    /// Show counts, failures and durations, by the hour or day
    #[command(after_help = STATS)]
    Stats(Stats),
    /// List events, newest first
    #[command(after_help = format!("{EVENTS}\n\n{EVENT_FILTERS}\n\n{EVENT_FIELDS}"))]
    Events(Events),
    /// Record one event and print its ID, for scripts and hooks
    #[command(after_help = EVENT)]
    Event(Box<Event>),
    /// Summarize recent events as Markdown, for a prompt
    #[command(after_help = DIGEST)]
    Digest(Digest),
    /// Export a recording, as rrweb JSON or a terminal cast file
    #[command(after_help = RECORDING)]
    Recording(Recording),
    /// Serve the dashboard and the HTTP API
    #[command(after_help = SERVE)]
    Serve(Serve),
    /// Forward the store to a central one, and follow it
    #[command(after_help = FORWARD)]
    Forward(Forward),
    /// Run an MCP server over stdio, for the client that starts it
    #[command(after_help = MCP)]
    Mcp,
    /// Run an MCP server, and record the calls of its client
    #[command(after_help = PROXY)]
    Proxy(proxy::Proxy),
    /// Configure Claude, Cursor, VS Code and Windsurf to start their MCP servers through the proxy
    #[command(name = "mcp-config", after_help = MCP_CONFIG)]
    McpConfig(mcp_config::McpConfig),
    /// Show, mark or watch the activity of a host
    #[command(subcommand)]
    Host(host::Command),
    /// Manage tokens for readers of the HTTP API
    #[command(subcommand)]
    Token(token::Command),
    /// Manage and deliver webhooks
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Export activities or events as JSON Lines, CSV or CloudEvents
    #[command(after_help = EXPORT)]
    Export(Export),
    /// Import activities or events from an export in JSON Lines
    #[command(after_help = IMPORT)]
    Import(Import),
    /// Copy the store into a new file while others record, and verify it
    #[command(after_help = BACKUP)]
    Backup(Backup),
    /// Show or set how long records are kept
    #[command(after_help = RETENTION)]
    Retention(Retention),
    /// Delete old records, by age or size
    #[command(after_help = PRUNE)]
    Prune(Prune),
    /// Erase the content recorded about a user; statistics stay
    #[command(after_help = ERASE)]
    Erase(Erase),
    /// Recompute statistics from stored activities
    #[command(after_help = REBUILD)]
    Rebuild(Rebuild),
    /// Check the store and account for every record; fail on a problem
    #[command(after_help = DOCTOR)]
    Doctor(Doctor),
    /// Generate shell completions
    #[command(after_help = COMPLETIONS)]
    Completions(Completions),
    /// Write man pages into a directory
    #[command(after_help = MAN)]
    Man(Man),
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
