//! The command `activity`: inspects, exports, serves and maintains what tower-activity recorded.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod backup;
mod browser;
mod complete;
mod completions;
mod digest;
mod doctor;
mod erase;
mod errors;
mod event;
mod export;
mod failure;
mod forward;
mod host;
mod import;
mod list;
mod man;
mod mcp;
mod mcp_config;
mod newest;
mod outage;
mod output_file;
mod percentile;
mod print;
mod proxy;
mod prune;
mod rebuild;
mod recording;
mod retention;
mod secrets;
mod serve;
mod short_id;
mod show;
mod signal;
mod source;
mod stats;
mod tail;
mod token;
mod top;
mod top_level;
mod webhooks;

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Parser;

use crate::{
    args::{Cli, Color, Command},
    failure::Failure,
};

fn main() -> ExitCode {
    completions::answer();
    let cli = match Cli::try_parse_from(args::with_exclusions(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return failure::report_usage(&args::with_hint(error)),
    };
    match cli.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    if let Command::Proxy(args) = &cli.command {
        proxy::become_server(args)?;
    }
    let named = source::named(cli.store.as_deref())?;
    let store = named.as_deref().unwrap_or(source::DEFAULT);
    match &cli.command {
        Command::List(args) => list::activities(store, args),
        Command::Show(args) => show::run(store, args),
        Command::Tail(args) => tail::run(store, args),
        Command::Top(args) => top::run(store, args),
        Command::Event(args) => event::run(store, args),
        Command::Events(args) => list::events(store, args),
        Command::Host(command) => host::run(store, command),
        Command::Errors(args) => errors::run(store, args),
        Command::Stats(args) => stats::run(store, args),
        Command::Digest(args) => digest::run(store, args),
        Command::Export(args) => export::run(store, args),
        Command::Serve(args) => serve::run(store, args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Forward(args) => forward::run(store, args),
        Command::Import(args) => import::run(store, args),
        Command::Mcp => mcp::run(store),
        Command::McpConfig(args) => mcp_config::run(cli.store.as_deref(), named.as_deref(), args),
        Command::Proxy(args) => proxy::run(cli.store.as_deref(), named.as_deref(), args),
        Command::Token(command) => token::run(store, command),
        Command::Webhooks(command) => webhooks::run(store, command),
        Command::Prune(args) => prune::run(store, args),
        Command::Retention(args) => retention::run(store, args),
        Command::Erase(args) => erase::run(store, args),
        Command::Backup(args) => backup::run(store, args),
        Command::Rebuild(args) => rebuild::run(store, args),
        Command::Recording(args) => recording::run(store, args),
        Command::Doctor(args) => doctor::run(store, args),
    }
}
