//! Events: standalone and attached to activities, read back with all fields.

use std::collections::HashMap;

use chrono::Utc;
use proptest::prelude::*;
use serde_json::json;
use tower_activity::{
    Activity, ActivityLog, Describe, Status,
    record::{EventRecord, Filter},
};

fn log() -> ActivityLog {
    ActivityLog::open(":memory:").unwrap()
}

/// All matching events, newest first.
fn events(log: &ActivityLog, filter: &str) -> Vec<EventRecord> {
    log.flush().wait().unwrap();
    let filter = Filter::parse(filter, Utc::now()).unwrap();
    let page = log.reader().unwrap().events(&filter, None, 1_000).unwrap();
    page.records
}

fn summaries(events: &[EventRecord]) -> Vec<&str> {
    let summaries = events.iter().map(|event| event.summary.as_deref());
    summaries.map(Option::unwrap_or_default).collect()
}

#[test]
fn an_event_has_its_defaults() {
    let log = log();
    let before = Utc::now().timestamp_micros();
    let receipt = log.event("deployment").project("acme").record();
    let id = receipt.id().unwrap();
    let [event] = events(&log, "").try_into().unwrap();
    assert_eq!((event.id, event.id.at()), (id, event.at));
    assert!(event.at.timestamp_micros() >= before);
    assert_eq!(event.event_type, "deployment");
    assert_eq!((event.status, event.count), (Status::Success, 1));
    assert_eq!(event.scope.project.as_deref(), Some("acme"));
    assert_eq!(event.scope.environment.as_deref(), Some("development"));
    assert_eq!((event.summary, event.reference), (None, None));
    assert_eq!((event.data, event.activity), (None, None));
    assert_eq!((event.dedup_key, event.truncated), (None, false));
}

#[test]
fn all_fields_are_read_back() {
    let log = ActivityLog::builder()
        .environment("production")
        .open(":memory:")
        .unwrap();
    log.event("GitHub Push")
        .status("In_Progress".parse().unwrap())
        .summary("3 commits pushed")
        .count(3)
        .reference("refs/heads/main")
        .data(json!({"commits": ["a", "b", "c"]}))
        .dedup_key("delivery-7f3a")
        .project("acme")
        .agent("builder")
        .actor("Ann B")
        .brand("github")
        .session("s1")
        .request("r1")
        .record();
    let [event] = events(&log, "").try_into().unwrap();
    assert_eq!(event.event_type, "github_push");
    assert_eq!((event.status, event.count), (Status::Running, 3));
    assert_eq!(event.summary.as_deref(), Some("3 commits pushed"));
    assert_eq!(event.reference.as_deref(), Some("refs/heads/main"));
    assert_eq!(event.data, Some(json!({"commits": ["a", "b", "c"]})));
    assert_eq!(event.dedup_key.as_deref(), Some("delivery-7f3a"));
    let scope = &event.scope;
    let texts = [
        (&scope.project, "acme"),
        (&scope.agent, "builder"),
        (&scope.actor, "Ann B"),
        (&scope.brand, "github"),
        (&scope.environment, "production"),
        (&scope.session, "s1"),
        (&scope.request, "r1"),
    ];
    for (text, expected) in texts {
        assert_eq!(text.as_deref(), Some(expected));
    }
    let json = serde_json::to_value(&event).unwrap();
    assert_eq!(
        (&json["type"], &json["project"]),
        (&json!("github_push"), &json!("acme"))
    );
    assert_eq!(serde_json::from_value::<EventRecord>(json).unwrap(), event);
}

#[test]
fn an_event_within_an_activity_belongs_to_it_and_inherits_its_scope() {
    let log = log();
    let running = log.start(Describe::job("import").project("acme").actor("ann"));
    let import = running.id();
    let handle = running.run(|| {
        log.event("rows_read").actor("bob").record();
        Activity::current().event("rows_written").record();
        Activity::current()
    });
    handle.event("rows_checked").record();
    log.event("free").record();
    let rows = events(&log, "");
    let types: Vec<_> = rows.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["free", "rows_checked", "rows_written", "rows_read"]);
    for event in &rows[1..] {
        assert_eq!(event.activity, import);
        assert_eq!(event.scope.project.as_deref(), Some("acme"));
    }
    assert_eq!(rows[3].scope.actor.as_deref(), Some("bob"));
    assert_eq!(rows[2].scope.actor.as_deref(), Some("ann"));
    assert_eq!((rows[0].activity, &rows[0].scope.project), (None, &None));

    let mut reader = log.reader().unwrap();
    let mut inside = reader.events_of(import.unwrap(), 10).unwrap();
    inside.reverse();
    assert_eq!(inside, rows[1..]);
    assert_eq!(reader.events_of(import.unwrap(), 1).unwrap(), rows[1..2]);
    assert_eq!(events(&log, "has:parent"), rows[1..]);
}

#[test]
fn an_event_does_not_attach_to_an_activity_of_another_log() {
    let (log, other) = (log(), log());
    log.start(Describe::job("import").project("acme")).run(|| {
        other.event("free").record();
    });
    let [event] = events(&other, "").try_into().unwrap();
    assert_eq!((event.activity, event.scope.project), (None, None));
}

#[test]
fn nothing_is_recorded_by_a_disabled_log_or_an_inert_activity() {
    let disabled = ActivityLog::disabled().event("deployment").record();
    assert_eq!(disabled.id(), None);
    assert_eq!(disabled.committed().wait().unwrap(), None);
    let inert = Activity::current().event("deployment").record();
    assert_eq!(inert.id(), None);
}

#[test]
fn events_of_one_instant_are_listed_in_order_page_by_page() {
    let log = log();
    for number in 0..500 {
        log.event("tick").summary(number.to_string()).record();
    }
    log.flush().wait().unwrap();
    let mut reader = log.reader().unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.events(&Filter::default(), cursor, 7).unwrap();
        found.extend(page.records);
        // More events do not move the cursor.
        log.event("tick")
            .summary("later")
            .record()
            .committed()
            .wait()
            .unwrap();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        cursor = Some(cursor.unwrap().to_string().parse().unwrap());
    }
    let expected: Vec<_> = (0..500).rev().map(|number| number.to_string()).collect();
    assert_eq!(summaries(&found), expected);
}

#[test]
fn a_filter_matches_the_same_events_in_sql_and_in_memory() {
    let log = log();
    for (event_type, project, summary) in [
        ("deployment", "acme", "v3 live"),
        ("deployment", "beta", "v4 live"),
        ("github_push", "acme", "Pushed to MAIN"),
        ("endpoints_added", "acme", "3 endpoints"),
    ] {
        let event = log.event(event_type).project(project).summary(summary);
        event
            .actor(if project == "acme" { "ann" } else { "bob" })
            .record();
    }
    log.event("deployment")
        .status(Status::Failed)
        .environment("production")
        .summary("v5")
        .record();
    let all = events(&log, "");
    let check = |filter: &str, expected: &[&str]| {
        let found = events(&log, filter);
        assert_eq!(summaries(&found), expected, "{filter}");
        let filter = Filter::parse(filter, Utc::now()).unwrap();
        let in_memory: Vec<_> = all
            .iter()
            .filter(|event| filter.matches_event(event))
            .cloned()
            .collect();
        assert_eq!(found, in_memory, "{filter}");
    };
    check("type:deployment", &["v5", "v4 live", "v3 live"]);
    check(
        "type:Deployment,GithubPush project:acme",
        &["Pushed to MAIN", "v3 live"],
    );
    for spelling in [
        "\"GitHub Push\"",
        "GITHUB_PUSH",
        "GitHub*",
        "*\"Hub P\"*",
        "git*Push",
    ] {
        check(&format!("type:{spelling}"), &["Pushed to MAIN"]);
    }
    check("type:*_added", &["3 endpoints"]);
    check("type:endpointsA*", &["3 endpoints"]);
    check("-type:deployment", &["3 endpoints", "Pushed to MAIN"]);
    check("main", &["Pushed to MAIN"]);
    check("endpoints 3", &["3 endpoints"]);
    check("-live", &["v5", "3 endpoints", "Pushed to MAIN"]);
    check("status:failed", &["v5"]);
    check("env:production", &["v5"]);
    check("actor:bob", &["v4 live"]);
    check("project:acme,beta type:deployment", &["v4 live", "v3 live"]);
    check("-has:project", &["v5"]);
    check("has:parent", &[]);
    check("since:1h project:beta", &["v4 live"]);
    check("until:2020-01-01", &[]);
}

#[test]
fn fields_that_events_do_not_have_are_refused_in_filters() {
    let log = log();
    for asked in [
        "kind:tool",
        "name:login",
        "error:denied",
        "duration:>2s",
        "has:input",
    ] {
        let filter = Filter::parse(asked, Utc::now()).unwrap();
        let refused = log.reader().unwrap().events(&filter, None, 10);
        assert!(refused.unwrap_err().is_invalid(), "{asked}");
    }
}

#[test]
fn secrets_are_redacted_before_anything_is_stored() {
    let log = log();
    let key = ["sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"].concat();
    log.event("platform_synced")
        .summary(format!("synced with {key}"))
        .reference(format!("https://x.test/?token={key}"))
        .data(json!({"password": "hunter2", "note": key, "rows": 3}))
        .actor(format!("Bearer {key}"))
        .dedup_key(format!("sync-{key}"))
        .record();
    let [event] = events(&log, "").try_into().unwrap();
    let json = serde_json::to_string(&event).unwrap();
    assert!(
        !json.contains("4eC39HqLyjWD") && !json.contains("hunter2"),
        "{json}"
    );
    assert_eq!(event.data.unwrap()["rows"], 3);
    assert_eq!((event.dedup_key, event.truncated), (None, true));
}

#[test]
fn oversized_values_are_truncated_or_dropped() {
    let log = log();
    log.event("chat_session")
        .summary("é".repeat(5_000))
        .reference("r".repeat(5_000))
        .data("d".repeat(100_000))
        .record();
    let [event] = events(&log, "").try_into().unwrap();
    assert!(event.summary.unwrap().len() < 2_100);
    assert!(event.reference.unwrap().len() < 1_100);
    assert_eq!((event.data, event.truncated), (None, true));
}

#[test]
fn deduplication_keys_are_distinct_per_project_actor_and_type() {
    let log = log();
    let ann = log.event("sync").project("acme").actor("ann");
    let ann = ann.dedup_key("k1").record().committed().wait().unwrap();
    for event in [
        log.event("sync").project("globex").actor("bob"),
        log.event("sync").project("acme").actor("bob"),
        log.event("sync").project("globex").actor("ann"),
        log.event("sync").project("acme"),
        log.event("sync").actor("ann"),
        log.event("sync"),
        log.event("push").project("acme").actor("ann"),
    ] {
        let receipt = event.dedup_key("k1").record();
        let id = receipt.id();
        assert_eq!(receipt.committed().wait().unwrap(), id);
        assert_ne!(id, ann);
    }
    let again = log.event("Sync").project("acme").actor("ann");
    let again = again.dedup_key("k1").record();
    assert_eq!(again.committed().wait().unwrap(), ann);
    let again = log.event("sync").dedup_key("k1").record();
    assert_ne!(again.committed().wait().unwrap(), ann);
    assert_eq!(events(&log, "").len(), 8);
}

/// Type, project and actor distinguish events with the same key.
type Tuple = (Option<u8>, u8, Option<u8>, Option<u8>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_deduplication_key_is_unique_for_its_type_project_and_actor(
        fired in proptest::collection::vec(
            ((proptest::option::of(0..3u8), 0..2u8, proptest::option::of(0..2u8), proptest::option::of(0..2u8)), any::<bool>()),
            1..60,
        )
    ) {
        let log = log();
        let mut firsts = HashMap::<Tuple, _>::new();
        let mut rows = 0;
        let mut receipts = Vec::new();
        for (tuple, wait) in fired {
            let (key, event_type, project, actor) = tuple;
            let mut event = log.event(format!("type {event_type}"));
            for (text, set) in [
                (project, tower_activity::Event::project as fn(_, String) -> _),
                (actor, tower_activity::Event::actor),
                (key, tower_activity::Event::dedup_key),
            ] {
                // The same texts in each field, which must not be mixed up.
                event = text.into_iter().fold(event, |event, text| set(event, format!("text {text}")));
            }
            let receipt = event.record();
            let id = receipt.id().unwrap();
            let first = if key.is_some() { *firsts.entry(tuple).or_insert(id) } else { id };
            rows += usize::from(first == id);
            receipts.push((receipt, first));
            if wait {
                log.flush().wait().unwrap();
            }
        }
        for (receipt, first) in receipts {
            prop_assert_eq!(receipt.committed().wait().unwrap(), Some(first));
        }
        let kept = events(&log, "");
        prop_assert_eq!(kept.len(), rows);
        prop_assert!(firsts.values().all(|id| kept.iter().any(|one| one.id == *id)));
    }
}

#[tokio::test]
async fn a_commit_can_be_awaited_and_is_immediate() {
    let log = ActivityLog::builder()
        .flush_interval(std::time::Duration::from_secs(3_600))
        .open(":memory:")
        .unwrap();
    let receipt = log.event("deployment").record();
    let id = receipt.id();
    assert_eq!(receipt.committed().await.unwrap(), id);
    let page = log
        .reader()
        .unwrap()
        .events(&Filter::default(), None, 1)
        .unwrap();
    assert_eq!(page.records[0].id, id.unwrap());
}

#[test]
fn an_event_is_a_row_of_the_views() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    let id = log
        .event("deployment")
        .project("acme")
        .actor("ann")
        .request("r1")
        .data(json!({"v": 3}))
        .summary("v3 live")
        .reference("sha-1")
        .record()
        .id()
        .unwrap();
    log.event("chat_session")
        .actor("ann")
        .summary("a chat")
        .record();
    // A log line is stored, but is not an action of the actor.
    log.event("log").project("acme").actor("ann").record();
    log.shutdown().wait().unwrap();
    let store = rusqlite::Connection::open(&path).unwrap();
    let row = |sql: &str| -> Vec<Option<String>> {
        let mut statement = store.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
        statement.query_row((), row).unwrap()
    };
    let at = id.at().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let actions = row(
        "SELECT action_id, project_id, user_id, request_id, action_type, action_details, status, \
         environment, created_at FROM project_actions",
    );
    let expected = [
        &id.to_string(),
        "acme",
        "ann",
        "r1",
        "deployment",
        "v3 live",
        "success",
        "development",
        &at,
    ];
    assert_eq!(actions, expected.map(|text| Some(text.to_owned())));
    let log_row = row(
        "SELECT id, user_id, event_type, event_ref, summary, metadata, created_at \
         FROM activity_log ORDER BY id LIMIT 1",
    );
    let expected = [
        &id.to_string(),
        "ann",
        "deployment",
        "sha-1",
        "v3 live",
        r#"{"v":3}"#,
        &at,
    ];
    assert_eq!(log_row, expected.map(|text| Some(text.to_owned())));
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        store.query_row(&sql, (), |row| row.get(0)).unwrap()
    };
    let counts = ["event", "activity_log", "project_actions"].map(count);
    assert_eq!(counts, [3, 2, 1]);
}
