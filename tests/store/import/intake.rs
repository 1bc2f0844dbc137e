//! Imported records are redacted and limited like recorded ones.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    import::Import,
    query::ActivityReader,
    record::Capture,
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
};

use crate::import::{content, import, lines};

fn secret() -> String {
    ["sk", "-live-", &"a1B2".repeat(10)].concat()
}

/// The only line of a log's export, and the same line with these fields replaced.
fn with(log: &ActivityLog, fields: &[(&str, Value)]) -> (String, String) {
    let [line] = lines(&mut log.reader().unwrap()).try_into().unwrap();
    let mut raw: Map<String, Value> = serde_json::from_str(&line).unwrap();
    raw.extend(
        fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone())),
    );
    (line, Value::Object(raw).to_string())
}

#[track_caller]
fn check((recorded, raw): (String, String)) {
    let store = SqliteStore::new(":memory:").unwrap();
    let imported = import(&store, &[raw]);
    assert_eq!(imported.activities + imported.events, 1);
    let kept = lines(&mut ActivityReader::from_store(&store).unwrap());
    assert!(!kept[0].contains(&secret()));
    assert_eq!(content(&kept), content(&[recorded]));
}

#[test]
fn an_imported_activity_equals_a_recorded_one() {
    let (long, secret) = ("é".repeat(5_000), secret());
    let header = format!("Authorization: Bearer {secret}");
    let mut attributes = Map::new();
    attributes.insert(format!("Bearer {secret}"), json!("a secret key"));
    attributes.insert("a".repeat(300), json!("a long key"));
    attributes.insert("password".into(), json!(secret));
    attributes.insert("large".into(), json!("x".repeat(5_000)));
    attributes.insert(
        "deep".into(),
        json!({"a": [{"api_key": secret, "b": header}]}),
    );
    for number in 0..70 {
        attributes.insert(format!("number {number:02}"), json!(number));
    }

    let (log, clock) = ActivityLog::test();
    let call = Describe::tool(format!("{secret}{long}"));
    let call = call
        .project(long.clone())
        .agent(header.clone())
        .actor(secret.clone());
    let call = call.brand(long.clone()).environment(header.clone());
    let call = call.session(long.clone()).request(secret.clone());
    let call = attributes.iter().fold(call, |call, (key, value)| {
        call.attribute(key.clone(), value.clone())
    });
    let call = log.start(call);
    call.set_input(&header, Capture::Full);
    call.set_output(&json!({"token": secret}), Capture::Full);
    clock.advance(Duration::from_millis(5));
    call.end(Outcome::failed(long.clone()).with_message(format!("{header}\n{long}")));
    log.flush().wait().unwrap();

    let input = json!(header).to_string();
    let output = json!({"token": secret}).to_string();
    check(with(
        &log,
        &[
            ("name", json!(format!("{secret}{long}"))),
            ("project", json!(long)),
            ("agent", json!(header)),
            ("actor", json!(secret)),
            ("brand", json!(long)),
            ("environment", json!(header)),
            ("session", json!(long)),
            ("request", json!(secret)),
            ("error_type", json!(long)),
            ("message", json!(format!("{header}\n{long}"))),
            ("attributes", Value::Object(attributes)),
            ("truncated", json!(false)),
            (
                "input",
                json!({"text": input, "bytes": input.len(), "truncated": false}),
            ),
            (
                "output",
                json!({"text": output, "bytes": output.len(), "truncated": false}),
            ),
        ],
    ));
}

#[test]
fn an_imported_event_equals_a_recorded_one() {
    let (long, secret) = ("é".repeat(5_000), secret());
    for (data, key) in [
        (
            json!({"password": secret, "a": [long]}),
            format!("key {secret}"),
        ),
        (json!("x".repeat(70_000)), "k".repeat(1_100)),
        (json!([1, null, {"b": 1.5}]), "k1".to_owned()),
    ] {
        let (log, _) = ActivityLog::test();
        log.event(format!("Github {secret} PushX"))
            .summary(format!("{secret} {long}"))
            .reference(long.clone())
            .project(long.clone())
            .actor(secret.clone())
            .environment("production")
            .data(data.clone())
            .dedup_key(key.clone())
            .record();
        log.flush().wait().unwrap();
        check(with(
            &log,
            &[
                ("type", json!(format!("Github {secret} PushX"))),
                ("summary", json!(format!("{secret} {long}"))),
                ("reference", json!(long)),
                ("project", json!(long)),
                ("actor", json!(secret)),
                ("data", data),
                ("dedup_key", json!(key)),
                ("truncated", json!(false)),
            ],
        ));
    }
}

#[test]
fn a_message_of_20_mb_is_capped_and_listed_at_once() {
    let (log, _) = ActivityLog::test();
    log.start(Describe::job("large"))
        .end(Outcome::failed("x").with_message("m".to_owned()));
    log.flush().wait().unwrap();
    let (_, raw) = with(&log, &[("message", json!("é\n".repeat(7 << 20)))]);
    let store = SqliteStore::new(":memory:").unwrap();
    assert_eq!(import(&store, &[raw]).activities, 1);
    let start = Instant::now();
    let kept = lines(&mut ActivityReader::from_store(&store).unwrap());
    assert!(kept[0].len() < 4_000, "{}", kept[0].len());
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_panic_of_the_redactor_withholds_the_text_and_is_counted() {
    let (log, _) = ActivityLog::test();
    let call = log.start(Describe::job("boom").attribute("boom", "a"));
    call.set_input(&"boom", Capture::Full);
    call.end(Outcome::success());
    log.flush().wait().unwrap();
    let store = SqliteStore::new(":memory:").unwrap();
    let redactor = Redactor::new().with(|_, text| (text.contains("boom")).then(|| panic!("boom")));
    let mut import = Import::new(&store, redactor).unwrap();
    for line in lines(&mut log.reader().unwrap()) {
        import.line(&line).unwrap();
    }
    assert_eq!(import.finish().unwrap().activities, 1);
    let kept = lines(&mut ActivityReader::from_store(&store).unwrap());
    assert!(!kept[0].contains("boom"), "{}", kept[0]);
    let instances = store.reader().unwrap().health().unwrap().instances;
    assert_eq!(instances[0].accounting.redactor_panics, 3);
}
