//! Compares the records with the calls.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use serde_json::Value;

use super::calls::{Call, Ends};
use crate::{
    inspector::{Inspector, Transport},
    run::{Result, root},
};

/// Checks that `records`, newest first, are exactly these calls: names, ends, durations, sessions, nesting.
///
/// # Errors
///
/// At the first difference.
pub(super) fn compare<'a>(records: &[Value], calls: impl Iterator<Item = &'a Call>) -> Result {
    let mut expected: Vec<String> = calls.map(expected).collect();
    let mut found: Vec<String> = records
        .iter()
        .filter(|record| record["parent"].is_null())
        .map(|record| found(record, records))
        .collect();
    expected.sort();
    found.sort();
    if found != expected {
        let list = |lines: &[String]| lines.join("\n  ");
        let (expected, found) = (list(&expected), list(&found));
        return Err(format!("called were\n  {expected}\nbut on record are\n  {found}").into());
    }
    for record in records {
        let what = format!("{} {}", record["name"], record["id"]);
        if record["kind"] != "tool" {
            return Err(format!("{what} is of kind {}", record["kind"]).into());
        }
        if record["duration_ns"].as_u64().is_none_or(|ns| ns == 0) {
            return Err(format!("{what} took {} ns", record["duration_ns"]).into());
        }
        if record["session"].as_str().is_none_or(str::is_empty) {
            return Err(format!("{what} has no session").into());
        }
    }
    let calls = records.iter().filter(|record| record["parent"].is_null());
    let sessions: HashSet<_> = calls.clone().map(|call| call["session"].as_str()).collect();
    if sessions.len() != calls.count() {
        return Err("calls of different clients share a session".into());
    }
    Ok(())
}

/// Checks that another SQLite client reads the same from the view `activities`: the tool that queries databases, in a server
/// with a different log.
///
/// # Errors
///
/// If the file cannot be read, or at the first difference.
pub(super) fn compare_view(
    inspector: &Inspector,
    tools: &Path,
    store: &str,
    records: &[Value],
) -> Result {
    let file = Path::new(store);
    let folder = file.parent().unwrap_or(root()).to_string_lossy();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let elsewhere = root().join("target/xtask/reader.db");
    let elsewhere = elsewhere.to_string_lossy();
    let server = Transport::Stdio {
        program: tools,
        args: &["--root", &folder],
        env: &[("ACTIVITY_STORE", &elsewhere)],
    };
    let sql = format!(
        "SELECT id, name, status, execution_time_ms FROM activities ORDER BY created_at DESC LIMIT {}",
        records.len()
    );
    let asked = [("database", name.as_ref()), ("sql", &sql)];
    let answer = inspector.call(&server, "query_sqlite", &asked)?;
    let text = answer["content"][0]["text"].as_str().unwrap_or_default();
    let rows: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("the view cannot be queried ({error}): {answer}"))?;
    let mut rows: BTreeMap<&str, &Value> = rows
        .iter()
        .map(|row| (row["id"].as_str().unwrap_or_default(), row))
        .collect();
    for record in records {
        let id = record["id"].as_str().unwrap_or_default();
        let row = rows
            .remove(id)
            .ok_or_else(|| format!("the view has no activity {id}"))?;
        let took = record["duration_ns"].as_f64().unwrap_or_default() / 1e6;
        let ms = row["execution_time_ms"].as_f64().unwrap_or_default();
        let is_same = ["name", "status"].iter().all(|one| row[one] == record[one]);
        if !is_same || (took - ms).abs() > 1e-6 {
            return Err(format!("the view has {row}, but on record is {record}").into());
        }
    }
    Ok(())
}

/// Formats the expected record of a call as one line.
fn expected(call: &Call) -> String {
    let end = match call.expected {
        Ends::Well => "success -",
        Ends::InToolError => "failed tool_error",
    };
    format!("{} {end} [{}]", call.tool, call.nested.join(", "))
}

/// Formats the actual record of a call as one line.
fn found(record: &Value, records: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let oldest_first = records.iter().rev();
    let nested =
        oldest_first.filter(|other| !record["id"].is_null() && other["parent"] == record["id"]);
    let nested: Vec<String> = nested.map(|other| text(&other["name"])).collect();
    format!(
        "{} {} {} [{}]",
        text(&record["name"]),
        text(&record["status"]),
        text(&record["error_type"]),
        nested.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALL: Call = Call {
        tool: "a",
        args: &[],
        expected: Ends::Well,
        nested: &["b"],
    };

    fn record(id: &str, parent: Option<&str>, name: &str) -> Value {
        json!({
            "id": id, "parent": parent, "name": name, "kind": "tool", "status": "success", "error_type": null,
            "duration_ns": 1, "session": "s",
        })
    }

    fn check(change: impl FnOnce(&mut Vec<Value>), expected: &str) {
        let mut records = vec![record("2", Some("1"), "b"), record("1", None, "a")];
        change(&mut records);
        let said = compare(&records, [&CALL].into_iter()).map_err(|error| error.to_string());
        match said {
            Ok(()) => assert_eq!(expected, ""),
            Err(said) => assert!(!expected.is_empty() && said.contains(expected), "{said}"),
        }
    }

    #[test]
    fn exactly_the_calls_pass() {
        check(|_| {}, "");
    }

    #[test]
    fn anything_missing_or_too_much_fails() {
        check(|all| drop(all.remove(0)), "a success - []");
        check(|all| drop(all.remove(1)), "but on record are");
        check(
            |all| all.push(record("3", None, "initialize")),
            "initialize",
        );
        check(|all| all[1]["status"] = json!("failed"), "a failed");
        check(|all| all[1]["duration_ns"] = Value::Null, "took null ns");
        check(|all| all[0]["session"] = Value::Null, "has no session");
        check(|all| all[0]["kind"] = json!("http"), "of kind");
    }
}
