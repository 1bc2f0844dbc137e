//! The real server, called over its standard streams, and its records.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tower_activity::{Status, query::ActivityReader, record::Filter};

#[test]
fn every_call_is_recorded_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("activity.db");
    let mut server = Command::new(env!("CARGO_BIN_EXE_tower-mcp-server"))
        .env("ACTIVITY_STORE", &store)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asks = server.stdin.take().unwrap();
    let mut answers = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut ask = |id: u32, method: &str, params: Value| -> Value {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        writeln!(asks, "{message}").unwrap();
        if id == 0 {
            let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            writeln!(asks, "{done}").unwrap();
        }
        let lines = answers
            .by_ref()
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        lines
            .into_iter()
            .find(|answer: &Value| answer["id"] == id)
            .unwrap()
    };
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"},
    });
    ask(0, "initialize", hello);
    ask(1, "tools/list", json!({}));
    let mut call = |id, text| {
        let answer = ask(
            id,
            "tools/call",
            json!({"name": "count_words", "arguments": {"text": text}}),
        );
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        call(2, "to be or not to be"),
        r#"{"be": 2, "not": 1, "or": 1, "to": 2}"#
    );
    assert_eq!(call(3, " "), "the text has no words");
    drop(asks);
    assert!(server.wait().unwrap().success());

    let mut reader = ActivityReader::open(&store).unwrap();
    let page = reader.page(&Filter::default(), None, 10).unwrap();
    let told: Vec<_> = page
        .records
        .iter()
        .map(|row| {
            (
                row.name.as_str(),
                row.status,
                &row.attributes["words"],
                &row.attributes["mcp.tool.read_only"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("count_words", Status::Failed, &json!(0), &json!(true)),
            ("count_words", Status::Success, &json!(4), &json!(true)),
        ]
    );
}
