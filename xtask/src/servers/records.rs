//! What is on record, compared with what the client saw.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::run::Result;

/// Checks that exactly the calls of a client are on record, with their outcomes. Returns their number.
///
/// # Errors
///
/// If something is missing, or differs, or there is more.
pub(super) fn compare(activity: &Path, store: &Path, lines: &[Value]) -> Result<usize> {
    let mut expected = expected(lines);
    let mut recorded = recorded(activity, store, has_server(lines))?;
    expected.sort();
    recorded.sort();
    if expected != recorded {
        let (expected, recorded) = (expected.join("\n  "), recorded.join("\n  "));
        return Err(format!("the client saw\n  {expected}\non record is\n  {recorded}").into());
    }
    Ok(expected.len())
}

/// The inspector does not show how a server names itself.
fn has_server(lines: &[Value]) -> bool {
    lines.iter().any(|line| line["server"].is_string())
}

/// The calls, as the client saw them: one line each.
fn expected(lines: &[Value]) -> Vec<String> {
    let names = lines.iter().find(|line| line["client"].is_string());
    let name = |side: &str| names.and_then(|names| names[side].as_str()).unwrap_or("-");
    let (client, server) = (name("client"), name("server"));
    let lines = lines.iter().filter_map(|line| {
        if let Some(method) = line["asked"].as_str() {
            return Some(format!("custom {method} success -"));
        }
        let step = line.get("step")?;
        let called = ["tool", "prompt", "resource"]
            .into_iter()
            .find_map(|kind| Some((kind, step[kind].as_str()?)));
        let (kind, name) = called?;
        // Of a resource only the scheme is a name.
        let name = match kind {
            "resource" => name.split_once(':').map_or(name, |(scheme, _)| scheme),
            _ => name,
        };
        let ended = if step["timeout_ms"].is_u64() {
            String::from("cancelled -")
        } else if let Some(error) = line.get("error") {
            format!("failed {}", error["code"])
        } else if line["result"]["isError"] == true {
            String::from("failed tool_error")
        } else {
            String::from("success -")
        };
        Some(format!("{kind} {name} {ended} {client} {server}"))
    });
    lines.collect()
}

/// The activities of a store, in the same form.
fn recorded(activity: &Path, store: &Path, with_server: bool) -> Result<Vec<String>> {
    let output = Command::new(activity)
        .args(["list", "--json", "--all", "--limit", "1000", "--store"])
        .arg(store)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("`activity list` failed: {}", output.status).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let lines = said.lines().map(|line| {
        let record: Value = serde_json::from_str(line)?;
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let [kind, name, status, error] =
            ["kind", "name", "status", "error_type"].map(|key| text(&record[key]));
        let ended = format!("{kind} {name} {status} {error}");
        if kind == "custom" {
            return Ok(ended);
        }
        let [client, server] =
            ["mcp.client.name", "mcp.server.name"].map(|key| text(&record["attributes"][key]));
        let server = if with_server { server.as_str() } else { "-" };
        Ok(format!("{ended} {client} {server}"))
    });
    lines.collect()
}
