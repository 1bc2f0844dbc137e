//! `cargo xtask metrics`: the official Python client parses what `GET metrics` answers, and a real Prometheus scrapes it and
//! evaluates the queries of the dashboard for Grafana.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::run::{self, Result, cargo, root, run};

/// The version of the official client whose parsers are used.
const CLIENT: &str = "prometheus-client==0.26.0";
const CHECK: &str = include_str!("scrape/check.py");
/// Names that a text format has to escape, or might trip over.
const NAMES: [&str; 7] = [
    "line\nbreak",
    "quote\"brace}",
    "back\\slash\\n",
    "# EOF",
    "crab 🦀",
    " ",
    "nul\0",
];

/// A server process, killed on drop.
struct Server(Child);

/// Serves a store to which hostile records are added, and checks what a scraper reads.
///
/// # Errors
///
/// If Python is missing, or the metrics are not what was recorded.
pub(crate) fn metrics() -> Result {
    let folder = root().join("target/xtask/metrics");
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", CLIENT]))?;
    let build = [
        "build",
        "--package",
        "activity-cli",
        "--package",
        "tower-activity",
        "--bin",
        "activity",
        "--example",
        "quickstart",
    ];
    run(&mut cargo(&build))?;
    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir_all(&data)?;
    let store = data.join("activity.db");
    let built = run::built()?;
    let activity = || {
        let mut command = Command::new(built.join("activity"));
        command.env("ACTIVITY_STORE", &store);
        command
    };
    run(Command::new(built.join("examples/quickstart")).env("ACTIVITY_STORE", &store))?;
    let hostile = data.join("hostile.jsonl");
    write_hostile(&activity, &hostile)?;

    let mut serve = activity();
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut server = Server(serve.stderr(Stdio::piped()).spawn()?);
    let mut said = String::new();
    let stderr = server.0.stderr.as_mut().ok_or("the server has no stderr")?;
    BufReader::new(stderr).read_line(&mut said)?;
    let address = said
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    let address = address.ok_or_else(|| format!("the server said {said:?}"))?;
    run(Command::new(&python)
        .current_dir(&data)
        .args(["-c", CHECK, address])
        .arg(built.join("activity"))
        .arg(&hostile)
        .arg(root().join("docs/grafana/activity.json"))
        .env("ACTIVITY_STORE", &store))
}

/// Writes an export with the hostile names as names, projects and error types: copies of a recorded activity.
fn write_hostile(activity: &dyn Fn() -> Command, to: &Path) -> Result {
    let exported = activity()
        .args(["export", "--format", "jsonl", "status:success"])
        .output()?;
    let text = String::from_utf8(exported.stdout)?;
    let line = text.lines().next().ok_or("the example recorded nothing")?;
    let template: serde_json::Value = serde_json::from_str(line)?;
    let long = "x".repeat(300);
    let mut lines = String::new();
    for (at, name) in NAMES.into_iter().chain([long.as_str()]).enumerate() {
        for failed in [false, true] {
            let mut one = template.clone();
            let id = template["id"].as_str().ok_or("an activity without id")?;
            // The end of an id is random.
            let number = 2 * at + usize::from(failed);
            one["id"] = format!("{}{number:04x}", &id[..id.len() - 4]).into();
            one["root"] = one["id"].clone();
            let digits = format!("{}{number:04x}", &id[..id.len() - 4]).replace('-', "");
            (one["trace_id"], one["span_id"]) = (digits[..].into(), digits[16..].into());
            (one["name"], one["project"]) = (name.into(), name.into());
            if failed {
                (one["status"], one["error_type"]) = ("failed".into(), name.into());
            }
            lines.push_str(&one.to_string());
            lines.push('\n');
        }
    }
    Ok(fs::write(to, lines)?)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
