//! `cargo demo`: real calls of real tools by a real client, and their records.

mod calls;
mod fleet;
mod server;
mod smoke;
mod systems;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    calls::{Call, Ends},
    server::Server,
};
use crate::{
    browser,
    inspector::{Inspector, Transport},
    pages,
    run::{self, Result, cargo, run, run_quietly},
};

/// The tool server's port, if it is free.
const TOOLS: u16 = 8788;
/// The dashboard's port, if it is free.
const DASHBOARD: u16 = 8787;

/// Timeout for the commit of the last call.
const COMMITTED_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// What to do after the calls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stay {
    /// Keep the server running until ctrl-c.
    UntilStopped,
    /// Compare the records with the calls, and exit.
    No,
}

/// Sets everything up, makes the calls, and shows the records.
///
/// # Errors
///
/// If a required program is missing, or the records do not match the calls.
pub(crate) fn demo(stay: Stay) -> Result {
    let (stopped, stop) = mpsc::channel();
    ctrlc::set_handler(move || {
        // The receiver is gone once the demo is over.
        let _ = stopped.send(());
    })?;
    let (inspector, chromium) = set_up()?;
    let store = std::env::var("ACTIVITY_STORE").unwrap_or_else(|_| String::from("activity.db"));
    let store = std::path::absolute(&store)?.to_string_lossy().into_owned();
    let tools = run::built()?.join("tool-server");
    let log = Log {
        command: run::built()?.join("activity"),
        store: &store,
    };
    let root = run::root().to_string_lossy();
    let serve = ["--root", &root, "--http"];
    let mut server = Server::start("tool-server", TOOLS, &tools, &serve, &store)?;
    let url = format!("{}/mcp", server.url);
    anstream::println!("\n{} listens at {url}", run::bold("tool-server"));

    let before = log.newest()?;
    make_calls(&inspector, &url, &tools, &store)?;
    let records = log.since(before.as_deref(), expected_records())?;
    anstream::println!("\n{}", run::bold("activity list"));
    log.show(records.len())?;
    ask(&inspector, &log, &records)?;
    smoke::compare(&records, calls::OVER_HTTP.iter().chain(calls::OVER_STDIO))?;
    smoke::compare_view(&inspector, &tools, &store, &records)?;
    anstream::println!(
        "{} every call is on record, and nothing else",
        run::good("✓")
    );

    anstream::println!("\n{}", run::bold("Others write to the same file:"));
    systems::run(&inspector, &log, &chromium)?;
    let listen = ["serve", "--listen"];
    let mut dashboard = Server::start("dashboard", DASHBOARD, &log.command, &listen, &store)?;
    systems::look(&dashboard.url)?;
    let mut fleet = fleet::start()?;
    if stay == Stay::UntilStopped {
        say_where_to_look(&dashboard.url, &url, &log.command, &store, &records);
        if let Some(fleet) = &fleet {
            anstream::println!(
                "{} {}",
                run::bold("The page of three servers, on PostgreSQL:"),
                fleet.url
            );
        }
        let mut servers = vec![&mut server, &mut dashboard];
        servers.extend(&mut fleet);
        wait(&stop, &mut servers)?;
    }
    if let Some(fleet) = fleet {
        fleet.stop()?;
    }
    dashboard.stop()?;
    server.stop()?;
    if stay == Stay::No {
        log.doctor()?;
    }
    anstream::println!(
        "\nStopped. The record stays in {}",
        from_here(Path::new(&store))
    );
    Ok(())
}

/// Installs the MCP inspector and a Chromium while it builds the pages and the programs.
fn set_up() -> Result<(Inspector, PathBuf)> {
    anstream::eprintln!(
        "Sets up the MCP inspector, a Chromium, the dashboard's pages, and seven programs.\n\
         The first time this takes some minutes."
    );
    thread::scope(|scope| {
        let inspector = scope.spawn(Inspector::install);
        let chromium = scope.spawn(browser::chromium);
        let fetched = scope.spawn(|| run_quietly(&mut cargo(&["fetch", "--locked"])));
        pages::pages()?;
        fetched
            .join()
            .map_err(|_| "the fetching thread panicked")??;
        let mut build = vec!["build", "--bins"];
        for package in ["activity-cli", "tool-server", "fleet"]
            .iter()
            .chain(systems::PROGRAMS)
        {
            build.extend(["-p", package]);
        }
        // Built once: incremental state would never be read.
        run(cargo(&build).env("CARGO_INCREMENTAL", "0"))?;
        let inspector = inspector.join().map_err(|_| "npm's thread panicked")??;
        let chromium = chromium
            .join()
            .map_err(|_| "Chromium's thread panicked")??;
        Ok((inspector, chromium))
    })
}

/// Waits for ctrl-c, or for the exit of one of the servers.
fn wait(stop: &Receiver<()>, servers: &mut [&mut Server]) -> Result {
    loop {
        match stop.recv_timeout(POLL) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        for server in &mut *servers {
            server.runs()?;
        }
    }
}

fn make_calls(inspector: &Inspector, url: &str, tools: &Path, store: &str) -> Result {
    let http = Transport::Http(url);
    let root = run::root().to_string_lossy();
    let stdio = Transport::Stdio {
        program: tools,
        args: &["--root", &root],
        env: &[("ACTIVITY_STORE", store)],
    };
    let found = inspector.list(&http)?;
    let count = found["tools"].as_array().map_or(0, Vec::len);
    anstream::println!("It has {count} tools. The MCP inspector calls them:\n");
    for (transport, name, calls) in [
        (&http, "http ", calls::OVER_HTTP),
        (&stdio, "stdio", calls::OVER_STDIO),
    ] {
        for call in calls {
            let answer = inspector.call(transport, call.tool, call.args)?;
            let failed = answer["isError"] == true;
            if failed != matches!(call.expected, Ends::InToolError) {
                return Err(format!("{} answered {answer}", call.tool).into());
            }
            let (sign, why) = match failed {
                true => (run::bad("✗"), " (fails on purpose)"),
                false => (run::good("✓"), ""),
            };
            anstream::println!("  {} {sign} {}{why}", run::dim(name), line(call));
        }
    }
    Ok(())
}

/// Queries the log's own MCP server, as a model would: the answer names every call.
fn ask(inspector: &Inspector, log: &Log<'_>, records: &[Value]) -> Result {
    let server = Transport::Stdio {
        program: &log.command,
        args: &["mcp"],
        env: &[("ACTIVITY_STORE", log.store)],
    };
    let answer = inspector.call(&server, "recent_activity", &[("tokens", "2000")])?;
    let text = answer["content"][0]["text"].as_str().unwrap_or_default();
    let calls = records.iter().filter(|record| record["parent"].is_null());
    for name in calls.filter_map(|record| record["name"].as_str()) {
        if !text.contains(&format!(" tool {name} ")) {
            return Err(format!("`activity mcp` does not tell of {name}: {text}").into());
        }
    }
    anstream::println!(
        "\n{} {} tells a model of the same calls",
        run::good("✓"),
        run::bold("activity mcp")
    );
    Ok(())
}

/// Formats a call as source code.
fn line(call: &Call) -> String {
    let args: Vec<String> = call
        .args
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!("{} {}", call.tool, run::dim(&args.join(" ")))
}

fn expected_records() -> usize {
    let calls = calls::OVER_HTTP.iter().chain(calls::OVER_STDIO);
    calls.map(|call| 1 + call.nested.len()).sum()
}

fn say_where_to_look(dashboard: &str, tools: &str, command: &Path, store: &str, records: &[Value]) {
    anstream::println!(
        "\n{} {dashboard}",
        run::bold("Open the dashboard in a browser:")
    );
    let (command, store) = (from_here(command), from_here(Path::new(store)));
    let tree = records.iter().find(|record| !record["parent"].is_null());
    let id = tree
        .and_then(|record| record["root"].as_str())
        .unwrap_or("ID");
    let examples = [
        (format!("{command} list status:failed"), "what went wrong"),
        (
            format!("{command} show {id}"),
            "one call, with what ran inside it",
        ),
        (format!("{command} tail"), "calls as they happen"),
        (
            format!("{command} doctor"),
            "integrity of the store, and the accounting of every call",
        ),
        (
            format!("sqlite3 {store} \"SELECT name, status, execution_time_ms FROM activities\""),
            "the same file, with any SQLite client",
        ),
    ];
    anstream::println!(
        "\n{}",
        run::bold("Try, in another terminal in this directory:")
    );
    for (command, what) in examples {
        anstream::println!("  {}\n    {command}", run::dim(what));
    }
    anstream::println!(
        "\nCall the tools at {tools}: the dashboard shows it at once.\nCtrl-c stops all."
    );
}

/// Returns a path relative to the working directory.
fn from_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let short = path.strip_prefix(here).unwrap_or(path);
    short.display().to_string()
}

/// The records, read with the command `activity`.
struct Log<'a> {
    command: PathBuf,
    store: &'a str,
}

impl Log<'_> {
    fn activity(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.command);
        command.args(args).env("ACTIVITY_STORE", self.store);
        command
    }

    /// Returns the newest activities, newest first.
    fn list(&self, limit: usize) -> Result<Vec<Value>> {
        self.json(&["list", "--json", "--limit", &limit.to_string()])
    }

    /// Runs a command that prints one JSON value per line, and returns the values.
    fn json(&self, args: &[&str]) -> Result<Vec<Value>> {
        let output = self.activity(args).stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("`activity {}` failed: {}", args.join(" "), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        Ok(text
            .lines()
            .map(serde_json::from_str)
            .collect::<serde_json::Result<_>>()?)
    }

    /// Returns the newest id.
    fn newest(&self) -> Result<Option<String>> {
        let newest = self.list(1)?;
        Ok(newest
            .first()
            .and_then(|record| record["id"].as_str())
            .map(str::to_owned))
    }

    /// Waits for `count` activities after this id, and returns them newest first; fewer at the timeout.
    fn since(&self, id: Option<&str>, count: usize) -> Result<Vec<Value>> {
        let deadline = Instant::now() + COMMITTED_WITHIN;
        loop {
            let mut records = self.list(count * 2)?;
            // Ids sort by start.
            records.retain(|record| record["id"].as_str() > id);
            let ended = records.iter().all(|record| record["status"] != "running");
            if ended && records.len() >= count || Instant::now() > deadline {
                return Ok(records);
            }
            thread::sleep(POLL);
        }
    }

    /// Returns the events after this one, newest first.
    fn events_since(&self, id: Option<&str>) -> Result<Vec<Value>> {
        let mut events = self.json(&["events", "--json", "--limit", "1000"])?;
        events.retain(|event| event["id"].as_str() > id);
        Ok(events)
    }

    /// Returns the newest event's id.
    fn newest_event(&self) -> Result<Option<String>> {
        let newest = self.json(&["events", "--json", "--limit", "1"])?;
        Ok(newest
            .first()
            .and_then(|event| event["id"].as_str())
            .map(str::to_owned))
    }

    fn show(&self, limit: usize) -> Result {
        self.succeed(&["list", "--all", "--limit", &limit.to_string()])
    }

    fn doctor(&self) -> Result {
        self.succeed(&["doctor"])
    }

    fn succeed(&self, args: &[&str]) -> Result {
        let status = self.activity(args).status()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("`activity {}` failed: {status}", args.join(" ")).into()),
        }
    }
}
