//! `activity`: sees what a log has on record, from a terminal, and adds an event to it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod backup;
mod clock;
mod completions;
mod digest;
mod doctor;
mod ending;
mod erase;
mod event;
mod events;
mod export;
mod failure;
mod host;
mod import;
mod list;
mod listing;
mod mcp;
mod output;
mod print;
mod prune;
mod rebuild;
mod recording;
mod retention;
mod serve;
mod show;
mod source;
mod stats;
mod tail;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;
use tower_activity::record::{ActivityRecord, EventRecord};

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse_from(args::with_exclusions(std::env::args_os()));
    let done = match &cli.command {
        Command::List(args) => listing::run::<ActivityRecord>(&cli.store, args),
        Command::Show(args) => show::run(&cli.store, args),
        Command::Tail(args) => tail::run(&cli.store, args),
        Command::Event(args) => event::run(&cli.store, args),
        Command::Events(args) => listing::run::<EventRecord>(&cli.store, args),
        Command::Host(command) => host::run(&cli.store, command),
        Command::Stats(args) => stats::run(&cli.store, args),
        Command::Digest(args) => digest::run(&cli.store, args),
        Command::Export(args) => export::run(&cli.store, args),
        Command::Serve(args) => serve::run(&cli.store, args),
        Command::Completions(args) => completions::run(args),
        Command::Import(args) => import::run(&cli.store, args),
        Command::Mcp => mcp::run(&cli.store),
        Command::Webhooks(command) => webhooks::run(&cli.store, command),
        Command::Prune(args) => prune::run(&cli.store, args),
        Command::Retention(args) => retention::run(&cli.store, args),
        Command::Erase(args) => erase::run(&cli.store, args),
        Command::Backup(args) => backup::run(&cli.store, args),
        Command::Rebuild => rebuild::run(&cli.store),
        Command::Recording(args) => recording::run(&cli.store, args),
        Command::Doctor(args) => doctor::run(&cli.store, args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
