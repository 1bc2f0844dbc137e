//! A log imports another log's export as JSON Lines, completely and once.

mod ids;
mod intake;
mod refused;

use std::time::Duration;

use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    import::{Import, ImportSummary},
    query::{ActivityReader, Export, Format, MetricsQuery, Window},
    record::{Capture, Filter, TraceContext},
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
};

/// A log with all kinds of records, one of them abandoned.
fn log() -> ActivityLog {
    let (log, clock) = ActivityLog::test();
    let remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Describe::new(tower_activity::Kind::Http, "POST /x")
        .remote_parent(TraceContext::parse(remote, None).unwrap())
        .session("s1")
        .actor("ann");
    let request = log.start(request);
    clock.advance(Duration::from_millis(5));
    let tool = Describe::tool("search").parent(&request).project("acme");
    let tool = log.start(tool.attribute("rows", json!({"a": [1, null, "x"]})));
    tool.set_input(&json!({"text": "tea"}), Capture::Full);
    tool.set_output(&"a long answer", Capture::Preview);
    log.event("found")
        .reference("r")
        .data(json!([1]))
        .dedup_key("k1")
        .record();
    tool.event("inside")
        .count(3)
        .status(tower_activity::Status::Failed)
        .record();
    clock.advance(Duration::from_millis(7));
    tool.end(Outcome::failed("denied").with_message("no\nluck"));
    request.end(Outcome::success());
    drop(log.start(Describe::job("dropped")));
    log.start(Describe::job("skipped")).end(Outcome::skipped());
    let left = log.start(Describe::job("left").brand("b"));
    log.shutdown().wait().unwrap();
    drop(left);
    log
}

fn lines(reader: &mut ActivityReader) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut activities = Export::activities(Filter::default(), Format::JsonLines);
    while activities.page(reader, &mut bytes).unwrap() {}
    let mut events = Export::events(Filter::default(), Format::JsonLines);
    while events.page(reader, &mut bytes).unwrap() {}
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn import(store: &dyn Store, lines: &[String]) -> ImportSummary {
    let mut import = Import::new(store, Redactor::new()).unwrap();
    for line in lines {
        import.line(line).unwrap();
    }
    import.finish().unwrap()
}

/// All fields except the instance and the seq, in order of ids.
fn content(lines: &[String]) -> Vec<Value> {
    let mut all: Vec<Value> = lines
        .iter()
        .map(|line| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            value
                .as_object_mut()
                .unwrap()
                .retain(|key, _| key != "seq" && key != "instance");
            value
        })
        .collect();
    all.sort_by_key(|value| value["id"].as_str().unwrap().to_owned());
    all
}

#[test]
fn a_log_that_imports_an_export_has_the_same_records_and_imports_them_once() {
    let original = log();
    let exported = lines(&mut original.reader().unwrap());
    assert_eq!(exported.len(), 5 + 2);
    let store = SqliteStore::new(":memory:").unwrap();
    let first = import(&store, &exported);
    assert_eq!((first.activities, first.events, first.known), (5, 2, 0));
    let mut reader = ActivityReader::from_store(&store).unwrap();
    let imported = lines(&mut reader);
    assert_eq!(content(&imported), content(&exported));

    let again = import(&store, &exported);
    assert_eq!((again.activities, again.events, again.known), (0, 0, 7));
    // Also after an import, an export and an import back.
    let back = original.store().unwrap();
    assert_eq!(import(&**back, &imported).known, 7);
    assert_eq!(lines(&mut reader), imported);

    let day = "2026-01-01T12:00:00Z".parse().unwrap();
    let day = MetricsQuery::new(Window::Day, day);
    let metrics = original.reader().unwrap().metrics(&day).unwrap();
    // What is counted ends with the present hour, and the original has a clock of its own.
    let mut of_import = reader.metrics(&day).unwrap();
    of_import.counted = metrics.counted;
    assert_eq!(of_import, metrics);
    let instances = reader.health().unwrap().instances;
    assert_eq!(instances.len(), 2);
    for one in instances {
        assert!(one.accounting.adds_up() && one.accounting.events.adds_up());
        assert!(one.stopped_at.is_some() && !one.alive);
    }
}

#[test]
fn events_with_the_same_key_stay_one_event_and_secrets_stay_redacted() {
    let store = SqliteStore::new(":memory:").unwrap();
    let secret = ["sk", "-live-", &"a1B2".repeat(10)].concat();
    let line = |id: u32| {
        json!({
            "id": format!("0199e5a2-7c00-7000-8000-{id:012}"), "at": "2026-01-01T00:00:00Z", "type": "GithubPush",
            "status": "success", "summary": format!("Authorization: Bearer {secret}"), "count": 1, "reference": null,
            "data": {"password": secret}, "activity": null, "project": null, "agent": null, "actor": null,
            "brand": null, "environment": null, "session": null, "request": null, "dedup_key": "k", "truncated": false,
            "instance": "0199e5a2-7c00-7000-8000-000000000000", "seq": 7,
        })
        .to_string()
    };
    let imported = import(&store, &[line(1), String::new(), line(2)]);
    assert_eq!((imported.events, imported.known), (1, 1));
    let kept = lines(&mut ActivityReader::from_store(&store).unwrap());
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains(&secret), "{}", kept[0]);
    assert!(kept[0].contains("\"github_push\""), "{}", kept[0]);
}
