//! Commands beside another program that locks the file for longer than the busy timeout of a statement.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rusqlite::Connection;

use crate::fixture::{CommandResult, Fixture};

#[test]
fn an_event_waits_for_a_client_that_writes_for_seconds() {
    let fixture = Fixture::new();
    for summary in ["one", "two"] {
        assert_eq!(fixture.run(&["event", "note", summary]).code, Some(0));
    }
    // At rest, so that the client is the first and the last to have the side files open.
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let event = fixture
        .command(&["event", "note", "three"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(2_500));
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let ran = CommandResult::new(&event.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let rows: i64 = Connection::open(fixture.path())
        .unwrap()
        .query_row("SELECT count(*) FROM event", (), |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 3);
    let left: Vec<_> = fs::read_dir(fixture.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("replaced"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_import_waits_for_a_client_that_writes_for_seconds() {
    let fixture = Fixture::with_calls();
    let lines = fixture.run(&["export"]).stdout;
    let file = fixture.folder.path().join("lines.jsonl");
    fs::write(&file, &lines).unwrap();
    let to = Fixture::new();
    assert_eq!(to.run(&["event", "note", "one"]).code, Some(0));
    let mut import = to
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has started once its lock file exists.
    let locks = to.folder.path().join("activity.db-instances");
    let begun = || {
        let names = fs::read_dir(&locks).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name());
        names.any(|name| name.to_string_lossy().ends_with(".lock"))
    };
    while !begun() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(200));
    let other = Connection::open(to.path()).unwrap();
    other.busy_timeout(Duration::from_secs(20)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut stdin = import.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, lines.as_bytes()).unwrap();
    drop(stdin);
    thread::sleep(Duration::from_millis(2_500));
    other.execute_batch("ROLLBACK").unwrap();
    let ran = CommandResult::new(&import.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_file_of_another_program_is_refused_and_a_log_on_a_read_only_disk_is_read() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["event", "note", "one"]).code, Some(0));
    let other = fixture.folder.path().join("text.db");
    fs::write(
        &other,
        "this is a text, and no database of any kind".repeat(99),
    )
    .unwrap();
    let ran = fixture.run(&["--store", "text.db", "events"]);
    assert!(ran.stderr.contains("not a store"), "{ran:?}");
    // A folder that this user may not write, as of a read-only disk; root may write everywhere, and is asked another way.
    let mount = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c"])
        .arg(
            "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && \"$2\" --store \"$1/activity.db\" events",
        )
        .args(["sh", fixture.folder.path().to_str().unwrap(), env!("CARGO_BIN_EXE_activity")])
        .output();
    if let Ok(output) = mount
        && !String::from_utf8_lossy(&output.stderr).contains("unshare")
    {
        let ran = CommandResult::new(&output);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("one"), "{ran:?}");
    }
}
