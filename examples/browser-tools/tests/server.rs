//! The real server with a real Chromium, called by a real MCP client, and its records.
#![allow(clippy::unwrap_used)]

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use rmcp::{
    RoleClient, ServiceExt, model::CallToolRequestParams, service::RunningService,
    transport::TokioChildProcess,
};
use serde_json::{Value, json};
use tokio::process::Command;
use tower_activity::{
    Status,
    query::ActivityReader,
    record::{ActivityRecord, Filter, RecordingRecord, RecordingStatus},
};

type Client = RunningService<RoleClient, ()>;

/// Finds the Chromium in `CHROMIUM`, the one unpacked by `cargo xtask test`, or the one on the `PATH`.
fn server(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_browser-tools"));
    command.env("ACTIVITY_STORE", store).kill_on_drop(true);
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/chromium/chromium");
    if std::env::var_os("CHROMIUM").is_none() && unpacked.exists() {
        command.env("CHROMIUM", unpacked);
    }
    command
}

/// Calls a tool. Returns its result, and whether that is an error.
async fn call(client: &Client, tool: &'static str, arguments: Value) -> (bool, String) {
    let Value::Object(arguments) = arguments else {
        panic!("arguments are an object, not {arguments}");
    };
    let asked = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = client.call_tool(asked).await.unwrap();
    let text = result.content[0].as_text().unwrap().text.clone();
    (result.is_error.unwrap_or_default(), text)
}

async fn value(client: &Client, tool: &'static str, arguments: Value) -> Value {
    let (failed, text) = call(client, tool, arguments).await;
    assert!(!failed, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// All records, oldest first.
fn on_record(store: &Path) -> Vec<(ActivityRecord, Vec<RecordingRecord>)> {
    let mut reader = ActivityReader::open(store).unwrap();
    let mut rows = reader.page(&Filter::default(), None, 100).unwrap().records;
    rows.reverse();
    rows.into_iter()
        .map(|row| {
            let recordings = reader.recordings_of(row.id).unwrap();
            (row, recordings)
        })
        .collect()
}

/// Returns the events of a recording's first tab, as a player takes them.
fn exported(store: &Path, recording: &RecordingRecord) -> String {
    let mut out = Vec::new();
    let mut reader = ActivityReader::open(store).unwrap();
    let damaged = reader
        .export(recording.id, &recording.tracks[0], &mut out)
        .unwrap();
    assert_eq!(damaged, 0);
    let events: Vec<Value> = serde_json::from_slice(&out).unwrap();
    assert_eq!(events.len() as u64, recording.events);
    String::from_utf8(out).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_has_a_replay_and_calls_of_a_session_share_one() {
    let folder = tempfile::tempdir().unwrap();
    let store: PathBuf = folder.path().join("activity.db");
    let transport = TokioChildProcess::new(server(&store)).unwrap();
    let client: Client = ().serve(transport).await.unwrap();

    let (password, card) = ("tea-time", ["4111", "1111", "1111", "1111"].concat());
    let wrong = call(
        &client,
        "log_in",
        json!({"user": "ann", "password": "guess"}),
    )
    .await;
    assert_eq!(
        wrong,
        (true, "the shop does not know this user and password".into())
    );
    let session = value(
        &client,
        "log_in",
        json!({"user": "ann", "password": password}),
    )
    .await;
    let session = session["session"].as_str().unwrap();
    let found = value(&client, "search", json!({"text": "cup"})).await;
    assert_eq!(found, json!({"tea cup": "4.00"}));
    let order = json!({"session": session, "item": "kettle", "card": card});
    let order = value(&client, "check_out", order).await;
    assert_eq!(order, json!({"order": ["1"], "price": "29.00"}));
    value(&client, "log_out", json!({"session": session})).await;
    let (failed, gone) = call(
        &client,
        "search",
        json!({"text": "tea", "session": session}),
    )
    .await;
    assert!(failed && gone.contains("log in first"), "{gone}");
    client.cancel().await.unwrap();

    let rows = on_record(&store);
    let seen: Vec<_> = rows
        .iter()
        .map(|(row, recordings)| (row.name.as_str(), row.status, recordings.len()))
        .collect();
    let expected = [
        ("log_in", Status::Failed, 1),
        ("log_in", Status::Success, 1),
        ("search", Status::Success, 1),
        ("check_out", Status::Success, 1),
        ("log_out", Status::Success, 1),
        ("search", Status::Failed, 0),
    ];
    assert_eq!(seen, expected);
    let recording = |call: usize| &rows[call].1[0];
    for call in 0..5 {
        let status = (recording(call).status, recording(call).lost);
        assert_eq!(status, (RecordingStatus::Complete, 0));
        assert!(
            recording(call)
                .links
                .iter()
                .all(|link| link.until.is_some())
        );
    }
    // One session in three calls, each with its own part of the time; the others have their own.
    let shared: Vec<_> = recording(1)
        .links
        .iter()
        .map(|link| link.activity)
        .collect();
    assert_eq!(shared, [rows[1].0.id, rows[3].0.id, rows[4].0.id]);
    assert_eq!(
        (recording(1).id, recording(1).id),
        (recording(3).id, recording(4).id)
    );
    for call in [0, 2] {
        assert_eq!(recording(call).links.len(), 1);
    }

    let shop = exported(&store, recording(1));
    assert!(
        shop.contains("Hello, ann") && shop.contains("Your order is number"),
        "{shop}"
    );
    assert!(exported(&store, recording(0)).contains("Wrong user or password"));
    assert!(
        !exported(&store, recording(2)).contains("Hello, ann"),
        "another session's"
    );
    for secret in [password, &card] {
        let kept = std::fs::read(&store).unwrap();
        let found = kept
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found && !shop.contains(secret), "{secret} is recorded");
    }
}

#[tokio::test]
async fn a_missing_chromium_is_an_error_with_a_fix() {
    let folder = tempfile::tempdir().unwrap();
    for (named, expected) in [
        (None, "install one, or name it with the variable CHROMIUM"),
        (Some(folder.path().join("none")), "cannot start Chromium at"),
    ] {
        let mut command = server(&folder.path().join("activity.db"));
        command.env_remove("CHROMIUM").env("PATH", folder.path());
        if let Some(named) = named {
            command.env("CHROMIUM", named);
        }
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains(expected),
            "{said}"
        );
    }
}
