//! `cargo xtask metrics`: the official Python client parses what `GET metrics` answers, and a real Prometheus scrapes it and
//! evaluates the queries of the dashboard for Grafana.

use std::{fs, path::Path};

use crate::{
    run::{Result, root, run},
    served::Example,
};

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

/// Serves a store to which hostile records are added, and checks what a scraper reads.
///
/// # Errors
///
/// If Python is missing, or the metrics are not what was recorded.
pub(crate) fn metrics() -> Result {
    let example = Example::new("metrics", CLIENT)?;
    let hostile = example.data.join("hostile.jsonl");
    write_hostile(&example, &hostile)?;
    let server = example.serve(&[])?;
    run(example
        .python("python")
        .args(["-c", CHECK, &server.url])
        .arg(example.activity().get_program())
        .arg(&hostile)
        .arg(root().join("docs/grafana/activity.json")))
}

/// Writes an export with the hostile names as names, projects and error types: copies of a recorded activity.
fn write_hostile(example: &Example, to: &Path) -> Result {
    let exported = example
        .activity()
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
