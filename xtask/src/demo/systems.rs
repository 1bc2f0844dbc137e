//! Other programs that write to the same file: a server that drives a browser, a back end, an assistant, a host manager.

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Log;
use crate::{
    inspector::{Inspector, Transport},
    run::{self, Result},
};

/// The example programs.
pub(super) const PROGRAMS: &[&str] = &[
    "browser-tools",
    "project-backend",
    "assistant",
    "host-manager",
];

/// The event types of a back end's projects.
const ACTIONS: &[&str] = &[
    "database_created",
    "deployment",
    "endpoints_added",
    "endpoints_modified",
    "github_push",
    "project_created",
    "queries_executed",
    "tables_added",
];
/// The event types of a host.
const LIFE: &[&str] = &["host_created", "host_idle", "host_started", "host_stopped"];
/// Timeout until a recording is linked to its call.
const LINKED_WITHIN: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// Runs each, and checks its records.
///
/// # Errors
///
/// If one fails, or an expected record is missing.
pub(super) fn run(inspector: &Inspector, log: &Log<'_>, chromium: &Path) -> Result {
    shop(inspector, log, chromium)?;
    tell("a tool drove a browser: its call has a replay");

    let story = leaves("project-backend", log, ACTIONS)?;
    contains(&story, "5 endpoints added today")?;
    tell("a back end recorded projects; while the file was locked, records waited");

    contains(&program("assistant", log)?, "### Recent activity")?;
    tell("an assistant's new session began with what it did in the last one");

    leaves("host-manager", log, LIFE)?;
    tell("a host was kept awake by calls, stopped when idle, and started again");
    Ok(())
}

/// Requests the dashboard's page, and the API requests that its pages make.
///
/// # Errors
///
/// If it does not answer with the records.
pub(super) fn look(dashboard: &str) -> Result {
    contains(&get(dashboard, "/")?, "<!doctype html>")?;
    let ask = |path: &str| -> Result<Value> { Ok(serde_json::from_str(&get(dashboard, path)?)?) };
    let replays = ask("/api/activities?q=has:recording")?;
    if replays["activities"].as_array().is_none_or(Vec::is_empty) {
        return Err("the dashboard has no call with a replay".into());
    }
    let figures = &ask("/api/metrics/overall?window=day")?["current"];
    for figure in ["count", "failed", "turns"] {
        if figures[figure].as_u64().is_none_or(|value| value == 0) {
            return Err(format!("the dashboard counts no {figure}: {figures}").into());
        }
    }
    if ask("/api/health")?["ok"] != true {
        return Err("the dashboard says that the log is not healthy".into());
    }
    tell("the dashboard shows all of it: figures, failures and the replay");
    Ok(())
}

/// Searches with a browser, and waits for the replay.
fn shop(inspector: &Inspector, log: &Log<'_>, chromium: &Path) -> Result {
    let program = run::built()?.join("browser-tools");
    let chromium = chromium.to_string_lossy();
    let server = Transport::Stdio {
        program: &program,
        args: &[],
        env: &[("ACTIVITY_STORE", log.store), ("CHROMIUM", &chromium)],
    };
    let before = log.newest()?;
    let answer = inspector.call(&server, "search", &[("text", "tea")])?;
    contains(&answer.to_string(), "green tea")?;
    let deadline = Instant::now() + LINKED_WITHIN;
    loop {
        let calls = log.since(before.as_deref(), 1)?;
        let replayed = |call: &Value| call["name"] == "search" && call["has_recording"] == true;
        if calls.iter().any(replayed) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("the search in a browser left no replay: {calls:?}").into());
        }
        thread::sleep(POLL);
    }
}

/// Runs an example, with folders of its own below `target/`. Returns its output.
fn program(name: &str, log: &Log<'_>) -> Result<String> {
    let folder = run::root().join("target/xtask").join(name);
    let ran = Command::new(run::built()?.join(name))
        .env("ACTIVITY_STORE", log.store)
        .env("PROJECTS", &folder)
        .env("ASSISTANT", &folder)
        .env("HOSTS", &folder)
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    if !ran.status.success() {
        let error = String::from_utf8_lossy(&ran.stderr);
        return Err(format!("{name} ended with {}: {said}{error}", ran.status).into());
    }
    Ok(said)
}

/// Runs an example that records events of these types. Returns its output.
fn leaves(name: &str, log: &Log<'_>, types: &[&str]) -> Result<String> {
    let before = log.newest_event()?;
    let said = program(name, log)?;
    let events = log.events_since(before.as_deref())?;
    for one in types {
        if !events.iter().any(|event| event["type"] == *one) {
            return Err(format!("{name} left no {one} on record: {said}").into());
        }
    }
    Ok(said)
}

pub(super) fn get(server: &str, path: &str) -> Result<String> {
    let address = format!("{server}{path}");
    let mut answer = ureq::get(&address)
        .call()
        .map_err(|error| format!("GET {address}: {error}"))?;
    Ok(answer.body_mut().read_to_string()?)
}

fn contains(text: &str, expected: &str) -> Result {
    match text.contains(expected) {
        true => Ok(()),
        false => Err(format!("no {expected:?} in {text}").into()),
    }
}

pub(super) fn tell(what: &str) {
    anstream::println!("  {} {what}", run::good("✓"));
}
