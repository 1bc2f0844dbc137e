//! `cargo xtask conformance`: checks that the official suite has the same results with and without the wrapper, and that
//! each tool call is recorded.

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
};

const SUITE: &str = "node_modules/@modelcontextprotocol/conformance/dist/index.js";

/// The result of one run.
struct Ran {
    /// The suite's result for each scenario, one per line.
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
    let folder = root().join("target/xtask/conformance");
    let store = folder.join("activity.db");
    for file in fs::read_dir(&folder)? {
        let file = file?;
        if file
            .file_name()
            .to_string_lossy()
            .starts_with("activity.db")
            && file.file_type()?.is_file()
        {
            fs::remove_file(file.path())?;
        }
    }
    let bare = ask(&suite, &folder, None)?;
    let recorded = ask(&suite, &folder, Some(&store))?;
    if bare.scenarios != recorded.scenarios {
        let (bare, recorded) = (bare.scenarios.join("\n  "), recorded.scenarios.join("\n  "));
        return Err(format!("bare\n  {bare}\nrecorded\n  {recorded}").into());
    }
    let on_record = on_record(&store)?;
    if recorded.called != on_record || bare.called != on_record {
        let called = recorded.called.join("\n  ");
        let on_record = on_record.join("\n  ");
        return Err(format!("called:\n  {called}\nrecorded:\n  {on_record}").into());
    }
    anstream::println!(
        "{} {} scenarios say the same with and without us, {} tool calls are on record",
        run::good("✓"),
        bare.scenarios.len(),
        on_record.len()
    );
    Ok(())
}

/// Starts the server and runs the suite against it.
fn ask(suite: &Path, folder: &Path, store: Option<&Path>) -> Result<Ran> {
    let mut server = Command::new(run::built()?.join("conformance-server"))
        .args(store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(server.stdout.take().ok_or("the server has no output")?);
    let mut url = String::new();
    said.read_line(&mut url)?;
    let output = Command::new("node")
        .arg(suite)
        .args(["server", "--url", url.trim()])
        .current_dir(folder)
        .output();
    // The server exits at the end of its input.
    drop(server.stdin.take());
    let mut called = String::new();
    said.read_to_string(&mut called)?;
    let ended = server.wait()?;
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !ended.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "the suite: {}, the server: {ended}\n{text}\n{errors}",
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
    let scenarios: Vec<String> = scenarios.map(str::to_owned).collect();
    let mut called: Vec<String> = called.lines().map(str::to_owned).collect();
    called.sort();
    Ok(Ran { scenarios, called })
}

/// Returns the names of all recorded activities, sorted.
fn on_record(store: &Path) -> Result<Vec<String>> {
    let output = Command::new(run::built()?.join("activity"))
        .args(["list", "--json", "--limit", "1000"])
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
