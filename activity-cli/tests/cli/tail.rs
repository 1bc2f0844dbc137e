//! `activity tail`: follows, and exits quietly.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tower_activity::{Describe, Outcome, Status, record::ActivityRecord};

use crate::{
    fixture::{Fixture, until},
    postgres,
};

#[cfg(unix)]
#[test]
fn a_tail_follows_and_ends_cleanly_when_interrupted() {
    let fixture = Fixture::new();
    let log = fixture.log();
    log.start(Describe::tool("before")).end(Outcome::success());
    log.flush().wait().unwrap();
    let mut tail = Tail::new(fixture.command(&["tail", "kind:tool", "--json"]));
    assert_eq!(tail.next().name, "before");
    log.start(Describe::job("other")).end(Outcome::success());
    let slow = log.start(Describe::tool("slow"));
    let running = tail.next();
    assert_eq!(
        (running.name.as_str(), running.status),
        ("slow", Status::Running)
    );
    slow.end(Outcome::success());
    let ended = tail.next();
    assert_eq!((ended.id, ended.status), (running.id, Status::Success));
    let interrupt = Command::new("kill")
        .args(["-INT", &tail.child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert_eq!(tail.exit_code(), Some(0));
}

#[test]
fn a_tail_continues_in_the_file_that_replaces_the_log() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for _ in 0..20 {
        log.start(Describe::tool("before")).end(Outcome::success());
    }
    log.flush().wait().unwrap();
    let mut tail = Tail::new(fixture.command(&["tail", "--lines", "1", "--json"]));
    assert_eq!(tail.next().name, "before");
    // All of them stay in the file that is moved away.
    let wal = format!("{}-wal", fixture.path().display());
    until(|| (std::fs::metadata(&wal).unwrap().len() == 0).then_some(()));
    std::fs::rename(fixture.path(), fixture.path().with_extension("moved")).unwrap();
    let names = std::thread::spawn(move || while tail.next().name != "after" {});
    // Fewer than in the moved file.
    for _ in 0..10 {
        log.start(Describe::tool("after")).end(Outcome::success());
        log.flush().wait().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    names.join().unwrap();
}

#[test]
fn a_tail_of_a_database_misses_and_repeats_nothing_while_its_server_is_away() {
    let server = postgres::server();
    let url = server.database();
    let fixture = Fixture::new();
    let log = fixture.log();
    let record = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            log.start(Describe::tool(format!("call {number}")))
                .end(Outcome::success());
        }
        log.flush().wait().unwrap();
        let forwarded = fixture.run(&["forward", "--to", &url, "--once"]);
        assert_eq!(forwarded.code, Some(0), "{}", forwarded.stderr);
    };
    record(0..3);
    let mut command = fixture.command(&["tail", "--lines", "1", "--json"]);
    command.env("ACTIVITY_STORE", &url).stderr(Stdio::piped());
    let mut tail = Tail::new(command);
    let mut messages = BufReader::new(tail.child.stderr.take().unwrap()).lines();
    assert_eq!(tail.next().name, "call 2");
    let mut next = 3;
    for mode in ["fast", "immediate"] {
        record(next..next + 2);
        server.stop(mode);
        let message = messages.next().unwrap().unwrap();
        assert!(message.contains("is away: retrying"), "{message}");
        assert!(!message.contains(postgres::PASSWORD), "{message}");
        server.start_again();
        record(next + 2..next + 4);
        // Once for each outage.
        let message = messages.next().unwrap().unwrap();
        assert!(message.ends_with("is back"), "{message}");
        for number in next..next + 4 {
            assert_eq!(tail.next().name, format!("call {number}"));
        }
        next += 4;
    }
}

#[test]
fn a_tail_of_a_database_warns_while_its_schema_is_gone() {
    let url = postgres::database();
    let fixture = Fixture::with_calls();
    let forward = || {
        let forwarded = fixture.run(&["forward", "--to", &url, "--once"]);
        assert_eq!(forwarded.code, Some(0), "{}", forwarded.stderr);
    };
    forward();
    let mut command = fixture.command(&["tail", "--lines", "1", "--json"]);
    command.env("ACTIVITY_STORE", &url).stderr(Stdio::piped());
    let mut tail = Tail::new(command);
    let mut messages = BufReader::new(tail.child.stderr.take().unwrap()).lines();
    tail.next();
    postgres::query(&url, "DROP SCHEMA tower_activity CASCADE");
    let message = messages.next().unwrap().unwrap();
    assert!(message.contains("is away: retrying"), "{message}");
    forward();
    let message = messages.next().unwrap().unwrap();
    assert!(message.ends_with("is back"), "{message}");
}

#[test]
fn a_tail_ends_quietly_when_its_pipe_is_closed() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let mut command = fixture.command(&["tail"]);
    command.stderr(Stdio::piped());
    let mut tail = Tail::new(command);
    tail.lines = None;
    let code = until(|| {
        log.start(Describe::tool("tick")).end(Outcome::success());
        log.flush().wait().unwrap();
        tail.child.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(0));
    let mut said = String::new();
    std::io::Read::read_to_string(tail.child.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(said, "");
}

/// A `tail` that is running.
struct Tail {
    child: Child,
    lines: Option<std::io::Lines<BufReader<std::process::ChildStdout>>>,
}

impl Tail {
    fn new(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        Tail { child, lines }
    }

    /// Waits for the next line.
    fn next(&mut self) -> ActivityRecord {
        let line = self.lines.as_mut().unwrap().next().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn exit_code(&mut self) -> Option<i32> {
        until(|| self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It has already exited if the test succeeded.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
