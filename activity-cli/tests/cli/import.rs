//! `activity import`.

use std::{fs, io::Write, process::Stdio};

use crate::fixture::{CommandResult, Fixture};

#[test]
fn an_export_is_imported_once() {
    let from = Fixture::with_calls();
    from.run(&["event", "deployment", "v3 live"]);
    let file = from.folder.path().join("a.jsonl");
    let file = file.to_str().unwrap();
    assert_eq!(from.run(&["export", "-o", file]).code, Some(0));
    let into = Fixture::new();
    let ran = into.run(&["import", file]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), "imported 6 activities and 0 events\n")
    );
    let ran = into.run(&["import", file]);
    assert_eq!(
        ran.stdout,
        "imported 0 activities and 0 events, 6 existed already\n"
    );
    let ids = |fixture: &Fixture| {
        let all = fixture.json(&["list", "--all"]);
        all.into_iter()
            .map(|one| (one.id, one.status))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&into), ids(&from));

    let events = from.run(&["export", "--events"]).stdout;
    let mut child = into
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(events.as_bytes())
        .unwrap();
    let ran = CommandResult::new(&child.wait_with_output().unwrap());
    assert_eq!(ran.stdout, "imported 0 activities and 1 event\n");
    assert_eq!(into.run(&["doctor"]).code, Some(0));
}

#[test]
fn an_invalid_line_is_named_and_earlier_lines_are_kept() {
    let fixture = Fixture::new();
    let line = |id: u8, field: &str| {
        format!(
            "{{\"id\":\"0199e5a2-7c00-7000-8000-00000000000{id}\",\"at\":\"2025-10-15T02:10:55.104Z\",\"{field}\":\"x\"}}\n"
        )
    };
    let lines = ["\n", &line(1, "type"), &line(2, "sort"), &line(3, "type")].concat();
    fs::write(fixture.folder.path().join("x.jsonl"), lines).unwrap();
    let ran = fixture.run(&["import", "x.jsonl"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.stdout, "imported 0 activities and 1 event\n");
    assert_eq!(
        ran.stderr,
        "error: cannot import x.jsonl: line 3: `started_at` is missing\n"
    );
    assert_eq!(fixture.run(&["doctor"]).code, Some(0));
    let ran = fixture.run(&["import", "none.jsonl"]);
    assert!(
        ran.stderr.starts_with("error: cannot read none.jsonl"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_time_that_does_not_fit_its_id_is_reported() {
    let from = Fixture::with_calls();
    let moved = from.json(&["list", "--all"]).into_iter().map(|one| {
        let mut line = serde_json::to_value(&one).unwrap();
        line["started_at"] = serde_json::json!(one.started_at + chrono::TimeDelta::microseconds(1));
        format!("{line}\n")
    });
    let fixture = Fixture::new();
    fs::write(
        fixture.folder.path().join("x.jsonl"),
        moved.collect::<String>(),
    )
    .unwrap();
    let ran = fixture.run(&["import", "x.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "imported 6 activities and 0 events, 6 given a new ID because theirs did not match their time\n"
    );
}
