//! `cargo xtask conformance`: checks that the official suite has the same results with and without the wrapper or the proxy,
//! over stdio and HTTP, and that each tool call is recorded.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    npm,
    run::{self, Result, cargo, root, run},
    servers::{self, wire},
};

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// How the suite reaches the server.
#[derive(Debug, Clone, Copy)]
enum Served<'a> {
    /// Over HTTP; recorded by the wrapper in this store, if there is one.
    Http(Option<&'a Path>),
    /// Over stdio, behind a bridge, because the suite only speaks HTTP; through a proxy with its store and the bytes in this
    /// folder, if there is one.
    Stdio(Option<&'a Path>),
    /// As another, behind a proxy over HTTP with its store and the bytes in this folder.
    Behind(&'a Served<'a>, &'a Path),
}

/// The result of one run.
struct Ran {
    /// The suite's result for each scenario and for each of its checks, one per line.
    scenarios: Vec<String>,
    /// The names of the called tools, sorted.
    called: Vec<String>,
}

/// Runs the suite against the bare server and against the recorded one, and compares.
///
/// # Errors
///
/// If node or npm is missing, a scenario fails, or the results differ.
pub(crate) fn conformance() -> Result {
    let suite = npm::install("conformance", SUITE)?;
    let build = [
        "build",
        "--package",
        "conformance-server",
        "--package",
        "activity-cli",
    ];
    run(cargo(&build).arg("--bins"))?;
    let folder = root().join("target/xtask/conformance/run");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let proxied = ["stdio", "http", "bridge"].map(|name| folder.join(name));
    for folder in &proxied {
        fs::create_dir_all(folder.join("wire"))?;
    }
    let [stdio, http, bridge] = &proxied;
    let wrapped = folder.join("wrapped.db");
    let [rmcp, typescript] = [Served::Http(None), Served::Stdio(None)];
    let by_rmcp = ask(&suite, rmcp)?;
    let by_typescript = ask(&suite, typescript)?;

    let recorded = ask(&suite, Served::Http(Some(&wrapped)))?;
    let results = compare(&by_rmcp, &recorded, &wrapped)?;
    anstream::println!("{} {results} with and without the wrapper", run::good("✓"));
    for (bare, served, folder, over) in [
        (&by_typescript, Served::Stdio(Some(stdio)), stdio, "stdio"),
        (
            &by_rmcp,
            Served::Behind(&rmcp, http),
            http,
            "HTTP as rmcp serves it",
        ),
        (
            &by_typescript,
            Served::Behind(&typescript, bridge),
            bridge,
            "HTTP as the TypeScript SDK serves it",
        ),
    ] {
        let recorded = ask(&suite, served)?;
        let results = compare(bare, &recorded, &folder.join("activity.db"))?;
        let bytes = wire::compare(&folder.join("wire"))?;
        anstream::println!(
            "{} {results} with and without the proxy, over {over}; {bytes} bytes are the same before and behind it",
            run::good("✓")
        );
    }
    Ok(())
}

/// Compares the results of a bare and of a recorded server, and the store.
fn compare(bare: &Ran, recorded: &Ran, store: &Path) -> Result<String> {
    if bare.scenarios != recorded.scenarios {
        let (bare, recorded) = (bare.scenarios.join("\n  "), recorded.scenarios.join("\n  "));
        return Err(format!("bare\n  {bare}\nrecorded\n  {recorded}").into());
    }
    let on_record = on_record(store)?;
    if recorded.called != on_record || bare.called != on_record {
        let called = recorded.called.join("\n  ");
        let on_record = on_record.join("\n  ");
        return Err(format!("called:\n  {called}\nrecorded:\n  {on_record}").into());
    }
    Ok(format!(
        "{} results are the same, {} tool calls are on record,",
        bare.scenarios.len(),
        on_record.len()
    ))
}

/// Returns the command that serves.
fn server(served: Served<'_>) -> Result<Command> {
    let built = run::built()?;
    let program = built.join("conformance-server");
    let mut command = Command::new(&program);
    match served {
        Served::Http(store) => {
            command.args(store);
        }
        Served::Stdio(through) => {
            let server = [program.to_string_lossy().into_owned(), "--stdio".into()];
            let server = match through {
                Some(folder) => wire::proxied(&built.join("activity"), folder, &server),
                None => server.into(),
            };
            command = Command::new("node");
            command.arg(root().join("xtask/servers/bridge.mjs"));
            command.arg(servers::packages()?).args(server);
        }
        Served::Behind(served, folder) => {
            let server = self::server(*served)?;
            command = wire::relayed(&built.join("activity"), folder, &server);
        }
    }
    Ok(command)
}

/// Starts the server and runs the suite against it.
fn ask(suite: &Path, served: Served<'_>) -> Result<Ran> {
    let mut server = server(served)?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(server.stdout.take().ok_or("the server has no output")?);
    let mut url = String::new();
    said.read_line(&mut url)?;
    let results = root().join("target/xtask/conformance/results");
    if results.exists() {
        fs::remove_dir_all(&results)?;
    }
    let output = Command::new("node")
        .arg(suite)
        .args(["server", "--url", url.trim(), "--output-dir"])
        .arg(&results)
        .output();
    // The server exits at the end of its input.
    drop(server.stdin.take());
    let mut called = String::new();
    let errors = server.stderr.as_mut();
    errors
        .ok_or("the server has no stderr")?
        .read_to_string(&mut called)?;
    let ended = server.wait()?;
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !ended.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "the suite: {}, the server: {ended}\n{text}\n{errors}\n{called}",
            output.status
        )
        .into());
    }
    let summary = text
        .split_once("=== SUMMARY ===")
        .ok_or("the suite ended without a summary")?
        .1;
    let lines = summary.lines().map(str::trim);
    let scenarios = lines.filter(|line| !line.is_empty() && !line.starts_with("Total:"));
    let mut scenarios: Vec<String> = scenarios.map(str::to_owned).collect();
    scenarios.extend(checks(&results)?);
    let mut called: Vec<String> = called.lines().map(str::to_owned).collect();
    called.sort();
    Ok(Ran { scenarios, called })
}

/// Reads the results of all checks, one per line, sorted.
fn checks(results: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for scenario in fs::read_dir(results)? {
        let checks = fs::read(scenario?.path().join("checks.json"))?;
        let checks: Vec<Value> = serde_json::from_slice(&checks)?;
        lines.extend(
            checks
                .iter()
                .map(|check| format!("{} {}", check["id"], check["status"])),
        );
    }
    lines.sort();
    match lines.is_empty() {
        true => Err("the suite wrote no results".into()),
        false => Ok(lines),
    }
}

/// Returns the names of all recorded tool calls, sorted.
fn on_record(store: &Path) -> Result<Vec<String>> {
    let output = Command::new(run::built()?.join("activity"))
        .args(["list", "kind:tool", "--json", "--limit", "1000"])
        .env("ACTIVITY_STORE", store)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("`activity list` failed: {}", output.status).into());
    }
    let mut names = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let record: Value = serde_json::from_str(line)?;
        names.push(record["name"].as_str().unwrap_or_default().to_owned());
    }
    names.sort();
    Ok(names)
}
