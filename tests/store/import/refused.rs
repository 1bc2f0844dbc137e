//! Invalid lines are refused with their number, the value and a fix. Earlier lines are kept.

use std::io::{self, BufRead, BufReader, Read};

use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Error, Outcome,
    import::Import,
    query::{ActivityReader, MetricsQuery, Window},
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
};

use crate::import::{import, lines, log};

const ID: &str = "019b76da-a800-7000-8000-000000000001";
const ROOT: &str = "019b76da-a800-7000-8000-000000000000";

/// A minimal activity with one field changed.
fn activity(field: &str, value: Value) -> String {
    let mut line = json!({"id": ID, "kind": "tool", "name": "x", "status": "success",
                          "started_at": "2026-01-01T00:00:00Z", "duration_ns": 1_000_000_000_u64});
    line[field] = value;
    line.to_string()
}

fn event(field: &str, value: Value) -> String {
    let mut line = json!({"id": ID, "at": "2026-01-01T00:00:00Z", "type": "deployment"});
    line[field] = value;
    line.to_string()
}

/// Imports one line. Returns the record, or the error.
fn import_line(line: &str) -> Result<Value, String> {
    let store = SqliteStore::new(":memory:").unwrap();
    let mut import = Import::new(&store, Redactor::new()).unwrap();
    match import.line(line) {
        Ok(()) => {
            let imported = import.finish().unwrap();
            assert_eq!(imported.activities + imported.events, 1, "{line}");
            let [kept] = lines(&mut ActivityReader::from_store(&store).unwrap())
                .try_into()
                .unwrap();
            Ok(serde_json::from_str(&kept).unwrap())
        }
        Err(error) => {
            assert!(error.is_invalid(), "{error}");
            assert_eq!(import.finish().unwrap().known, 0);
            Err(error.to_string())
        }
    }
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    assert_eq!(
        import_line(line).unwrap_err(),
        format!("line 1: {expected}"),
        "{line}"
    );
}

#[test]
fn a_line_that_is_not_a_json_object_is_refused() {
    let fix = "(a line is one activity or event as JSON, as `activity export` writes it)";
    let check = |line: &str, expected: &str| refused(line, &format!("{expected} {fix}"));
    check("x", "column 1: expected value");
    check(
        "[]",
        "column 0: invalid type: sequence, expected a JSON object",
    );
    check("{\"id\":", "column 6: EOF while parsing a value");
    check("{} {}", "column 4: trailing characters");
    check("id,parent,root", "column 1: expected value");
    check("{\"id\": 1, \"id\": 2}", "column 14: duplicate field `id`");
    check(
        "{\"name\": \"\\ud800x\"}",
        "column 17: unexpected end of hex escape",
    );
    let deep = format!("{{\"data\": {}", "[".repeat(1_000_000));
    check(&deep, "column 136: recursion limit exceeded");
    refused("{}", "`id` is missing");
    refused("{\"type\": \"x\"}", "`id` is missing");
}

#[test]
fn an_invalid_value_is_named() {
    let check = |field: &str, value: Value, expected: &str| {
        refused(
            &activity(field, value.clone()),
            &format!("`{field}` is {value}: {expected}"),
        );
    };
    check("id", json!("x"), "\"x\" is not an activity id");
    check(
        "id",
        json!(5),
        "invalid type: integer `5`, expected a string",
    );
    check(
        "name",
        json!(["x"]),
        "invalid type: sequence, expected a string",
    );
    check(
        "kind",
        json!("tools"),
        "unknown variant `tools`, expected one of `tool`, `prompt`, `resource`, `http`, `grpc`, `job`, `turn`, `custom`",
    );
    check(
        "status",
        json!("ok"),
        "unknown variant `ok`, expected one of `running`, `success`, `failed`, `cancelled`, `skipped`, `abandoned`",
    );
    check(
        "duration_ns",
        json!(-1),
        "invalid value: integer `-1`, expected u64",
    );
    check(
        "duration_ns",
        json!(1.5),
        "invalid type: floating point `1.5`, expected u64",
    );
    check(
        "duration_ns",
        json!(1_u64 << 63),
        "the maximum is 9223372036854775807",
    );
    check(
        "attributes",
        json!([]),
        "invalid type: sequence, expected a map",
    );
    check(
        "input",
        json!("x"),
        "invalid type: string \"x\", expected struct Preview",
    );
    check(
        "started_at",
        json!("yesterday"),
        "input contains invalid characters",
    );
    check(
        "parent",
        json!(ID),
        "an activity cannot be its own parent: remove it",
    );
    check(
        "root",
        json!(ROOT),
        "there is no `parent`: add one, or set `root` to the activity's own id",
    );
    refused(
        &activity("parent", json!(ROOT)),
        "`root` is missing: an activity with a `parent` needs the id of the root of its tree",
    );
    refused(
        &activity("x y", json!(1)),
        "`x y` is not a field of an activity: remove it",
    );
    refused(
        &event("x", Value::Null),
        "`x` is not a field of an event: remove it",
    );
    refused(
        &event("count", json!(1_u64 << 63)),
        "`count` is 9223372036854775808: the maximum is 9223372036854775807",
    );
    refused(
        &event("count", json!(-3)),
        "`count` is -3: invalid value: integer `-3`, expected u64",
    );
    refused(
        &event("type", json!(" --! ")),
        "`type` has no letters or digits: name the kind of event",
    );
    refused(&event("at", Value::Null), "`at` is missing");
}

#[test]
fn times_that_are_out_of_range_or_contradictory_are_refused() {
    for year in ["0001", "1969", "+10000", "-0044"] {
        let time = format!("{year}-12-31T23:59:59Z");
        let error = import_line(&activity("started_at", json!(time))).unwrap_err();
        let expected = ": only the years 1970 to 9999 are supported";
        assert!(error.ends_with(expected), "{error}");
        assert!(import_line(&event("at", json!(time))).is_err());
    }
    for time in [
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:58.999999Z",
        "2026-06-30T23:59:60Z",
    ] {
        import_line(&activity("started_at", json!(time))).unwrap();
        import_line(&event("at", json!(time))).unwrap();
    }
    refused(
        &activity("started_at", json!("9999-12-31T23:59:59.5Z")),
        "`duration_ns` is 1000000000: it ends after the year 9999",
    );
    let ended = |at: &str| activity("ended_at", json!(at));
    let line = ended("2025-12-31T23:59:59Z").replace("\"duration_ns\":1000000000,", "");
    refused(
        &line,
        "`ended_at` is \"2025-12-31T23:59:59+00:00\": it is before `started_at`",
    );
    refused(
        &ended("2026-01-01T00:00:02.1Z"),
        "`ended_at` is \"2026-01-01T00:00:02.100+00:00\": it contradicts `started_at` and a `duration_ns` of 1000000000",
    );
    // Within the rounding.
    let kept = import_line(&ended("2026-01-01T00:00:02Z")).unwrap();
    assert_eq!(kept["duration_ns"], json!(1_000_000_000));
}

#[test]
fn ended_activities_need_a_duration_and_others_must_not_have_one() {
    let line = |status: &str, duration: Option<u64>, ended: Option<&str>| {
        json!({"id": ID, "kind": "tool", "name": "x", "status": status, "started_at": "2026-01-01T00:00:00Z",
               "duration_ns": duration, "ended_at": ended})
        .to_string()
    };
    refused(
        &line("failed", None, None),
        "`duration_ns` is missing: an activity with the status \"failed\" has ended",
    );
    let kept = import_line(&line("failed", None, Some("2026-01-01T00:00:00.25Z"))).unwrap();
    assert_eq!(kept["duration_ns"], json!(250_000_000));
    refused(
        &line("failed", None, Some("9000-01-01T00:00:00Z")),
        "`ended_at` is \"9000-01-01T00:00:00+00:00\": the duration is 292 years or more",
    );
    for status in ["running", "abandoned"] {
        refused(
            &line(status, Some(5), None),
            &format!(
                "`status` is \"{status}\", but it has a `duration_ns` or an `ended_at`: remove them, or set the status with which it ended"
            ),
        );
    }
    assert_eq!(
        import_line(&line("abandoned", None, None)).unwrap()["status"],
        json!("abandoned")
    );
}

#[test]
fn the_longest_possible_durations_are_added_up() {
    let line = |number: u8| {
        activity("duration_ns", json!(i64::MAX)).replace("00000001", &format!("0000000{number}"))
    };
    let store = SqliteStore::new(":memory:").unwrap();
    // In the same commit, and in another one.
    assert_eq!(import(&store, &[line(1), line(2)]).activities, 2);
    assert_eq!(import(&store, &[line(3)]).activities, 1);
    let day = "2026-01-01T12:00:00Z".parse().unwrap();
    let mut reader = ActivityReader::from_store(&store).unwrap();
    let metrics = reader
        .metrics(&MetricsQuery::new(Window::Day, day))
        .unwrap();
    assert_eq!(metrics.current.count, Some(3));
    let mut maintenance = store.maintenance().unwrap();
    let quarter = 1_767_225_600 / 900;
    maintenance.rebuild(quarter..quarter + 1).unwrap();
}

#[test]
fn an_error_quotes_no_secret_and_is_short() {
    let secret = ["sk", "-live-", &"a1B2".repeat(10)].concat();
    for line in [
        activity("status", json!(secret)),
        activity("count", json!(secret)),
        activity(&secret, json!(1)),
        activity("duration_ns", json!(format!("Bearer {secret}"))),
        activity("status", json!("x".repeat(20 << 20))),
        activity(&"x".repeat(20 << 20), json!(1)),
        format!("{{\"{secret}\": 1, \"{secret}\": 2}}"),
    ] {
        let error = import_line(&line).unwrap_err();
        assert!(
            !error.contains(&secret[..20]) && error.len() < 500,
            "{error}"
        );
    }
}

#[test]
fn odd_texts_are_imported_as_they_would_be_recorded() {
    let kept = import_line(&event("type", json!("GithubPUSH  now"))).unwrap();
    assert_eq!(kept["type"], json!("githubpush_now"));
    let kept = import_line(&activity("name", json!("a\u{0}b\u{202e}c"))).unwrap();
    assert_eq!(kept["name"], json!("a\u{0}b\u{202e}c"));
    let kept = import_line(&event("count", json!(i64::MAX))).unwrap();
    assert_eq!(kept["count"], json!(i64::MAX));
    let deep = (0..110).fold(json!(1), |deep, _| json!([deep]));
    let kept = import_line(&event("data", deep)).unwrap();
    assert!(kept["data"].to_string().contains("[too deep]"));
}

#[test]
fn a_missing_parent_and_a_cycle_are_imported() {
    let line = |id: &str, parent: &str| {
        json!({"id": id, "parent": parent, "root": ROOT, "kind": "tool", "name": id, "status": "success",
               "started_at": "2026-01-01T00:00:00Z", "duration_ns": 5})
        .to_string()
    };
    let other = ID.replace("0001", "0002");
    let store = SqliteStore::new(":memory:").unwrap();
    assert_eq!(import(&store, &[line(ID, ROOT)]).activities, 1);
    assert_eq!(
        import(&store, &[line(&other, ID), line(&other, ID)]).activities,
        1
    );
    let mut reader = ActivityReader::from_store(&store).unwrap();
    assert_eq!(reader.tree(ROOT.parse().unwrap()).unwrap().len(), 2);

    let store = SqliteStore::new(":memory:").unwrap();
    assert_eq!(
        import(&store, &[line(ID, &other), line(&other, ID)]).activities,
        2
    );
    let mut reader = ActivityReader::from_store(&store).unwrap();
    let tree = reader.tree(ROOT.parse().unwrap()).unwrap();
    assert_eq!(tree.len(), 2);
    assert_eq!(tower_activity::record::TreeLayout::new(&tree).count(), 2);
}

fn read(import: &mut Import, bytes: impl Read) -> Result<(), Error> {
    import.read(BufReader::new(bytes), |_| ())
}

#[test]
fn lines_before_an_invalid_one_are_kept_and_more_may_follow() {
    let original = log();
    let exported = lines(&mut original.reader().unwrap());
    let store = SqliteStore::new(":memory:").unwrap();
    let mut import = Import::new(&store, Redactor::new()).unwrap();
    let file = format!(
        "{}\r\n\r\n{}\n{}",
        exported[0],
        &exported[1][1..],
        exported[2]
    );
    // With a byte order mark, CRLF line ends, and a last line without an end.
    let mut file = BufReader::new(io::Cursor::new(format!("\u{feff}{file}")));
    let mut progress = Vec::new();
    let error = import
        .read(&mut file, |bytes| progress.push(bytes))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 3: column 4: invalid type: string \"id\", expected a JSON object"),
        "{error}"
    );
    assert_eq!(
        progress,
        [exported[0].len() as u64 + 5, exported[0].len() as u64 + 7]
    );
    import.read(&mut file, |_| ()).unwrap();
    assert!(file.fill_buf().unwrap().is_empty());
    assert_eq!(import.finish().unwrap().activities, 2);
}

#[test]
fn invalid_utf_8_and_endless_lines_are_refused_in_little_memory() {
    let store = SqliteStore::new(":memory:").unwrap();
    let mut import = Import::new(&store, Redactor::new()).unwrap();
    let error = read(&mut import, &b"\n{\"name\": \"\xff\"}\n"[..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2: byte 11 is not UTF-8: convert the file to UTF-8"
    );
    let error = read(&mut import, io::repeat(b'x').take(1 << 40)).unwrap_err();
    let long = "longer than 32 MiB: shorten `input` or `output`";
    assert_eq!(error.to_string(), format!("line 3: {long}"));
    let error = read(&mut import, io::repeat(0x80)).unwrap_err();
    assert_eq!(error.to_string(), format!("line 4: {long}"));
    let error = import.line(&"x".repeat((32 << 20) + 1)).unwrap_err();
    assert_eq!(error.to_string(), format!("line 5: {long}"));
    let large = activity(
        "input",
        json!({"text": "x".repeat(31 << 20), "bytes": 31 << 20, "truncated": false}),
    );
    import.line(&large).unwrap();
    assert_eq!(import.finish().unwrap().activities, 1);
}

#[test]
fn duplicates_are_imported_once_and_the_accounting_adds_up() {
    let (log, _) = ActivityLog::test();
    let left = log.start(Describe::job("left"));
    log.start(Describe::job("done")).end(Outcome::success());
    log.event("free").record();
    log.shutdown().wait().unwrap();
    drop(left);
    let exported = lines(&mut log.reader().unwrap());
    // The same activity with and without its end.
    let ended = exported[0].replace("\"abandoned\"", "\"failed\"");
    let ended = ended.replace("\"duration_ns\":null", "\"duration_ns\":5");
    let ended = ended.replace("\"ended_at\":null,", "");
    let mut all = [&exported[..], &[ended], &exported[..]].concat();
    all.extend_from_within(..);
    let store = SqliteStore::new(":memory:").unwrap();
    let imported = import(&store, &all);
    assert_eq!((imported.activities, imported.events), (2, 1));
    assert_eq!(imported.known, all.len() as u64 - 3);
    let instances = ActivityReader::from_store(&store)
        .unwrap()
        .health()
        .unwrap()
        .instances;
    let accounting = &instances[0].accounting;
    assert!(accounting.adds_up(), "{accounting:?}");
    assert_eq!(
        (
            accounting.activities.committed,
            accounting.activities.abandoned,
            accounting.activities.open
        ),
        (1, 1, 0)
    );
}
