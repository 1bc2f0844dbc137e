//! `activity event` and `activity events`, and the events of an activity in `activity show`.

use tower_activity::{Activity, Describe, Outcome, Status, record::EventRecord};

use crate::fixture::{CommandResult, Fixture};

fn events(ran: &CommandResult) -> Vec<EventRecord> {
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_written_event_is_listed() {
    let fixture = Fixture::new();
    let ran = fixture.run(&["event", "Deployment", "v3 live", "--project", "acme"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let id = ran.stdout.trim_end();
    let more = "event endpoints_added failed --count 3 --status failed --actor ann --agent builder --brand x \
                --env production --session s1 --request r1 --ref api.rs --data {\"n\":3} --dedup-key k";
    let more: Vec<_> = more.split_whitespace().collect();
    let first = fixture.run(&more).stdout;
    assert_eq!(fixture.run(&more).stdout, first);

    let listed = events(&fixture.run(&["events", "--json"]));
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].id.to_string(), first.trim_end());
    assert_eq!((listed[0].count, listed[0].status), (3, Status::Failed));
    assert_eq!(listed[0].data.as_ref().unwrap()["n"], 3);
    assert_eq!(listed[0].reference.as_deref(), Some("api.rs"));
    let scope = &listed[0].scope;
    assert_eq!(scope.environment.as_deref(), Some("production"));
    assert_eq!(
        (scope.agent.as_deref(), scope.request.as_deref()),
        (Some("builder"), Some("r1"))
    );
    assert_eq!(
        (
            listed[1].id.to_string().as_str(),
            listed[1].event_type.as_str()
        ),
        (id, "deployment")
    );
    let one = events(&fixture.run(&[
        "events",
        "--json",
        "type:deployment",
        "project:acme",
        "live",
    ]));
    assert_eq!(one, listed[1..]);

    let table = fixture.run(&["events"]).stdout;
    let lines: Vec<_> = table.lines().collect();
    let titles: Vec<_> = lines[0].split_whitespace().collect();
    let expected = [
        "ID",
        "STATUS",
        "WHEN",
        "TYPE",
        "COUNT",
        "PROJECT",
        "ACTOR",
        "REFERENCE",
        "SUMMARY",
    ];
    assert_eq!(titles, expected);
    assert!(
        lines[1].contains("✗ failed") && lines[1].ends_with("  failed"),
        "{table}"
    );
    assert!(
        lines[2].contains("✓ success") && lines[2].ends_with("  v3 live"),
        "{table}"
    );
}

#[test]
fn log_lines_are_listed_on_request() {
    let fixture = Fixture::new();
    fixture.run(&["event", "log", "a line"]);
    let ran = fixture.run(&["events"]);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.contains("1 stored") && ran.stderr.contains("`activity events 'type:*'`"),
        "{ran:?}"
    );
    fixture.run(&["event", "deployment", "v3"]);
    let count =
        |filter: &[&str]| events(&fixture.run(&[&["events", "--json"], filter].concat())).len();
    assert_eq!(count(&[]), 1);
    assert_eq!(count(&["type:*"]), 2);
    assert_eq!(count(&["type:log"]), 1);
}

#[test]
fn a_list_continues_after_its_cursor() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for number in 0..5 {
        log.event("tick").summary(number.to_string()).record();
    }
    log.shutdown().wait().unwrap();
    let first = fixture.run(&["events", "-n", "3"]);
    assert_eq!(first.stdout.lines().count(), 1 + 3, "{first:?}");
    let cursor = first.stderr.strip_prefix("more: --cursor ");
    let cursor = cursor.unwrap().trim_end();
    let rest = events(&fixture.run(&["events", "--json", "--cursor", cursor]));
    let rest: Vec<_> = rest
        .iter()
        .map(|event| event.summary.as_deref().unwrap())
        .collect();
    assert_eq!(rest, ["1", "0"]);
}

#[test]
fn an_empty_list_explains_why() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["events"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(ran.stderr.starts_with("no events yet"), "{}", ran.stderr);
    fixture.run(&["event", "deployment", "v3 live"]);
    let ran = fixture.run(&["events", "type:push"]);
    let expected = "no event matches type:push\n1 stored, ";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
}

#[test]
fn invalid_arguments_are_usage_errors() {
    let fixture = Fixture::new();
    let check = |args: &[&str], said: &str| {
        let ran = fixture.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    };
    check(&["event", "deployment"], "<SUMMARY>");
    check(
        &["event", "--", "--", "x"],
        "a type needs a letter or a digit",
    );
    check(
        &["event", "a", "b", "--data", "{"],
        "cannot parse --data \"{\" as JSON",
    );
    check(
        &["event", "a", "b", "--status", "done"],
        "\"done\" is not a status",
    );
    check(
        &["--store", "postgres://x", "event", "a", "b"],
        "needs a SQLite file, not a postgres database",
    );
    check(&["events", "kind:tool"], "events have no `kind:`");
}

#[test]
fn the_events_of_an_activity_are_shown_with_it() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let id = log.start(Describe::job("import")).run(|| {
        let activity = Activity::current();
        activity
            .event("rows_read")
            .summary("read\u{1b}[31m orders")
            .count(42)
            .record();
        activity
            .event("rows_refused")
            .status(Status::Failed)
            .record();
        activity.id().unwrap().to_string()
    });
    log.event("free").record();
    log.start(Describe::job("other")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    let shown = fixture.run(&["show", &id]).stdout;
    let lines: Vec<_> = shown.lines().collect();
    let at = lines.iter().position(|line| *line == "EVENTS").unwrap();
    assert_eq!(lines.len(), at + 3, "{shown}");
    assert!(
        lines[at + 1].ends_with("  ✓ rows_read (42)  read\\u{1b}[31m orders"),
        "{shown}"
    );
    assert!(lines[at + 2].ends_with("  ✗ rows_refused"), "{shown}");
    let json: serde_json::Value =
        serde_json::from_str(&fixture.run(&["show", &id, "--json"]).stdout).unwrap();
    let inside: Vec<EventRecord> = serde_json::from_value(json["events"].clone()).unwrap();
    assert_eq!(inside.len(), 2);
    assert_eq!(inside[0].event_type, "rows_read");
}

#[test]
fn doctor_accounts_for_events() {
    let fixture = Fixture::new();
    fixture.run(&["event", "deployment", "v3 live", "--dedup-key", "a"]);
    fixture.run(&["event", "deployment", "v3 live", "--dedup-key", "a"]);
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("events      1, 1 duplicates ignored"),
        "{}",
        ran.stdout
    );
    let store = rusqlite::Connection::open(fixture.path()).unwrap();
    let change = |sql: &str| assert_eq!(store.execute(sql, ()).unwrap(), 2);
    change(
        "UPDATE instance SET accounting = json_set(accounting, '$.events.recorded', 7, \
         '$.events.rejected_memory', 1, '$.events.rejected_type', 2, '$.events.rejected_limit', 3)",
    );
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let said = "note: 2 events rejected: the memory limit was reached";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let said = "note: 4 events rejected: the type is invalid or not on the log's list";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let said = "note: 6 events rejected: log lines beyond the limit per activity";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    change("UPDATE instance SET accounting = json_set(accounting, '$.events.recorded', 9)");
    assert_eq!(fixture.run(&["doctor"]).code, Some(1));
}
