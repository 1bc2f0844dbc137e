//! `activity host`: markers from a terminal.
#![cfg(unix)]

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use chrono::{TimeDelta, Utc};
use tower_activity::record::EventRecord;

use crate::fixture::{CommandResult, Fixture, until};

/// Sets a source's marker to this many minutes ago.
fn touched(fixture: &Fixture, source: &str, minutes: i64) {
    let folder = fixture.folder.path().join("activity");
    fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join(source)).unwrap();
    let at = Utc::now() - TimeDelta::minutes(minutes);
    file.set_modified(at.into()).unwrap();
}

fn events(fixture: &Fixture) -> Vec<EventRecord> {
    let ran = fixture.run(&["events", "--json"]);
    let lines = ran.stdout.lines().rev();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_status_shows_the_markers_and_the_idle_time() {
    let fixture = Fixture::new();
    for (source, minutes) in [("boot", 50), ("user", 30), ("process", 10)] {
        touched(&fixture, source, minutes);
    }
    let ran = fixture.run(&["host", "status", "."]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let row = |name: &str| {
        let line = ran.stdout.lines().find(|line| line.starts_with(name));
        line.unwrap().to_owned()
    };
    assert!(row("user").ends_with("30 min ago  ✓"), "{}", ran.stdout);
    assert!(row("process").ends_with("10 min ago"), "{}", ran.stdout);
    assert!(row("agent").contains(" - "), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("(mode io)\n") && ran.stdout.contains("\nidle for 30 min "),
        "{}",
        ran.stdout
    );
    assert!(
        !fixture.path().exists(),
        "no store is needed, and none is made"
    );

    let json = |mode: &str| -> serde_json::Value {
        let ran = fixture.run(&["host", "status", ".", "--json", "--mode", mode]);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let run = json("run");
    assert_eq!(
        (&run["mode"], &run["idle"]),
        (&"run".into(), &"known".into())
    );
    assert_eq!(run["idle_s"].as_f64().unwrap() as u64 / 60, 10);
    assert!(run["markers"]["user"].is_string() && run["markers"]["ssh"].is_null());
    assert_eq!(json("custom:ssh,agent")["idle"], "unknown");
    assert_eq!(json("custom:ssh,agent")["idle_s"], serde_json::Value::Null);
    assert_eq!(json("disabled")["idle"], "never");
}

#[test]
fn a_touch_writes_into_the_directory_of_the_option_or_the_environment() {
    let fixture = Fixture::new();
    let marker =
        |source: &str| fs::read_to_string(fixture.folder.path().join("activity").join(source));
    let silent = |ran: &CommandResult| {
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(0), "", "")
        );
    };
    silent(&fixture.run(&["host", "touch", "."]));
    assert!(marker("user").unwrap().ends_with("Z\n"));
    silent(&fixture.run(&["host", "touch", ".", "AGENT", "--json"]));
    assert!(
        marker("agent")
            .unwrap()
            .starts_with("{\"source\":\"agent\",\"time\":\"")
    );
    fs::remove_file(fixture.folder.path().join("activity/user")).unwrap();
    let mut command = fixture.command(&["host", "touch"]);
    silent(&CommandResult::new(
        &command
            .env("MNGR_HOST_DIR", fixture.folder.path())
            .output()
            .unwrap(),
    ));
    marker("user").unwrap();
}

#[test]
fn failures_are_reported() {
    let fixture = Fixture::new();
    let check = |args: &[&str], code: i32, said: &str| {
        let ran = fixture.run(args);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(code), ""),
            "{args:?}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    };
    check(
        &["host", "touch", "gone"],
        1,
        "no host directory \"gone\": create it, or use another path",
    );
    check(&["host", "status", "gone"], 1, "no host directory \"gone\"");
    check(
        &["host", "watch", "gone", "--max-age", "1h"],
        1,
        "no host directory \"/",
    );
    check(&["host", "touch"], 2, "MNGR_HOST_DIR is not set");
    check(
        &["host", "touch", ".", "keyboard"],
        2,
        "use one of create, boot, start",
    );
    check(
        &["host", "status", ".", "--mode", "lazy"],
        2,
        "\"lazy\" is not an idle mode",
    );
    check(
        &["host", "watch", "."],
        2,
        "<--idle-timeout <TIME>|--max-age <TIME>>",
    );
    check(
        &["host", "watch", ".", "--idle-timeout", "5"],
        2,
        "is not a duration above 0, up to 200000d",
    );
}

#[test]
fn a_full_disk_is_reported_and_leaves_the_marker_unchanged() {
    let fixture = Fixture::new();
    touched(&fixture, "user", 30);
    fs::write(fixture.folder.path().join("activity/user"), "as it was").unwrap();
    // No byte may be written to any file, as on a full disk.
    let said = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} host touch . user",
        env!("CARGO_BIN_EXE_activity")
    );
    let ran = Command::new("sh")
        .args(["-c", &said])
        .current_dir(fixture.folder.path())
        .output();
    let ran = CommandResult::new(&ran.unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("cannot record user in \".\": File too large"),
        "{}",
        ran.stderr
    );
    let folder = fixture.folder.path().join("activity");
    assert_eq!(
        fs::read_to_string(folder.join("user")).unwrap(),
        "as it was"
    );
    assert_eq!(
        fs::read_dir(folder).unwrap().count(),
        1,
        "nothing is left behind"
    );
}

#[test]
fn a_watch_runs_a_command_once_the_host_is_idle_and_reports_it() {
    let fixture = Fixture::new();
    touched(&fixture, "boot", 30);
    touched(&fixture, "user", 20);
    // The first attempt fails, and is retried.
    let hook = "[ -e tried ] || { touch tried; exit 3; }; \
                echo \"$ACTIVITY_HOST_REASON $ACTIVITY_HOST_STATE $MNGR_HOST_DIR\" > stopped";
    let ran = fixture.run(&[
        "host",
        "watch",
        ".",
        "--idle-timeout",
        "10m",
        "--interval",
        "1ms",
        "--",
        "sh",
        "-c",
        hook,
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains(" will be paused: idle for 120"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        ran.stderr,
        "error: could not stop the host with \"sh\": exit status: 3\n"
    );
    let stopped = fs::read_to_string(fixture.folder.path().join("stopped")).unwrap();
    let directory = fixture.folder.path().display();
    assert_eq!(stopped, format!("idle paused {directory}\n"));
    let events = events(&fixture);
    let types: Vec<_> = events
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(types, ["host_idle", "host_watch_failed"]);
    assert_eq!(events[0].data.as_ref().unwrap()["reason"], "idle");
}

#[test]
fn a_watch_of_a_used_host_runs_until_it_is_interrupted() {
    let fixture = Fixture::new();
    touched(&fixture, "user", 0);
    let args = [
        "host",
        "watch",
        ".",
        "--idle-timeout",
        "1h",
        "--interval",
        "1ms",
        "--",
        "false",
    ];
    let mut child = fixture
        .command(&args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It listens for signals before its first poll.
    until(|| fixture.path().exists().then_some(()));
    until(|| listens_to_interrupts(child.id()).then_some(()));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(until(|| child.try_wait().unwrap()).code(), Some(0));
    assert!(events(&fixture).is_empty());
}

/// Returns whether a process handles SIGINT; true if the system cannot tell.
fn listens_to_interrupts(pid: u32) -> bool {
    let Ok(status) = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))
    else {
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & 0b10 != 0)
}
