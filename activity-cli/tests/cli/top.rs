//! `activity top`: one view into a pipe, and a live one in a real terminal.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tower_activity::{
    ActivityLog, Describe, Outcome, activity::ActivityGuard, testing::ManualClock,
};

use crate::{
    fixture::{Fixture, until},
    postgres,
};

/// A store with two running calls, two ended ones and a failure.
fn calls(fixture: &Fixture) -> impl Drop + use<> {
    let log = fixture.log();
    for _ in 0..2 {
        log.start(Describe::tool("search").project("acme"))
            .end(Outcome::success());
    }
    log.start(Describe::tool("pay").project("acme"))
        .end(Outcome::failed("denied").with_message("no money"));
    let one = log.start(Describe::job("import"));
    let other = log.start(Describe::tool("upload").project("acme"));
    log.flush().wait().unwrap();
    Open(Some((one, other)), log)
}

#[test]
fn calls_that_are_dated_in_the_future_did_not_end_in_the_last_minute() {
    let fixture = Fixture::with_calls();
    let clock = ManualClock::new();
    clock.set_wall(Utc::now() + TimeDelta::days(60));
    let log = ActivityLog::builder()
        .clock(clock.clone())
        .open(fixture.path())
        .unwrap();
    log.start(Describe::job("ahead"))
        .end(Outcome::failed("late"));
    log.flush().wait().unwrap();
    clock.advance(Duration::from_secs(1));
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["top"]);
    assert!(!ran.stdout.contains("ahead"), "{}", ran.stdout);
    assert!(ran.stdout.contains("/s, 0 failed of "), "{}", ran.stdout);
}

struct Open(Option<(ActivityGuard, ActivityGuard)>, ActivityLog);

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.0.take());
        self.1.shutdown().wait().unwrap();
    }
}

#[test]
fn a_pipe_gets_one_view() {
    let fixture = Fixture::new();
    let _open = calls(&fixture);
    for args in [&["top"][..], &["top", "--once"]] {
        let ran = fixture.run(args);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert!(
            lines[0].starts_with("0.1 calls/s, 1 failed of 3 in a minute, 2 running"),
            "{}",
            ran.stdout
        );
        for part in [
            "RUNNING",
            "import",
            "upload",
            "SLOWEST",
            "search",
            "FAILED",
            "denied: no money",
        ] {
            assert!(ran.stdout.contains(part), "{part} in {}", ran.stdout);
        }
        assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    }
    let ran = fixture.run(&["top", "--json", "name:search"]);
    let top: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&top["ended"], &top["failed"], &top["running_count"]),
        (&2.into(), &0.into(), &0.into())
    );
    assert_eq!(
        (&top["names"][0]["name"], &top["names"][0]["calls"]),
        (&"search".into(), &2.into())
    );
}

#[test]
fn an_invalid_filter_or_no_store_leaves_the_terminal_alone() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run(&["top"]).code, Some(1));
    let fixture = Fixture::with_calls();
    assert_eq!(fixture.run(&["top", "type:x"]).code, Some(2));
    assert_eq!(fixture.run(&["top", "--interval", "0"]).code, Some(2));
}

/// A command in a terminal of 80x24, by `script`.
struct Terminal {
    child: Child,
    written: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn new(fixture: &Fixture, args: &str) -> Self {
        let command = format!(
            "stty rows 24 cols 80; stty -a > before; sh -c 'echo $$ > pid; exec {} {args}'; echo \"code $?\"; stty -a > after",
            env!("CARGO_BIN_EXE_activity")
        );
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(fixture.folder.path())
            .env("TERM", "xterm-256color")
            .env("ACTIVITY_STORE", fixture.path())
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, written) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            child,
            written,
            seen: String::new(),
        }
    }

    /// Reads until a text was written.
    fn expect(&mut self, text: &str) {
        let seen = &mut self.seen;
        let written = &self.written;
        until(|| {
            if let Ok(bytes) = written.recv_timeout(Duration::from_millis(20)) {
                seen.push_str(&String::from_utf8_lossy(&bytes));
            }
            seen.contains(text).then_some(())
        });
    }

    fn type_in(&mut self, keys: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(keys).unwrap();
    }

    /// Waits for the end, and checks that the terminal is as it was.
    fn ended(mut self, fixture: &Fixture) {
        self.expect("code 0");
        self.child.stdin.take();
        self.child.wait().unwrap();
        let last = |text: &str| {
            self.seen
                .rfind(text)
                .unwrap_or_else(|| panic!("{:?}", self.seen))
        };
        assert!(
            last("\u{1b}[?1049l") > last("\u{1b}[?1049h"),
            "the alternate screen is left"
        );
        assert!(
            last("\u{1b}[?25h") > last("\u{1b}[?25l"),
            "the cursor is visible"
        );
        let stty = |name: &str| {
            let mut text = String::new();
            File::open(fixture.folder.path().join(name))
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        };
        assert_eq!(stty("before"), stty("after"));
    }
}

#[test]
fn a_terminal_gets_a_live_view_until_q() {
    let fixture = Fixture::new();
    let log = fixture.log();
    log.start(Describe::tool("first")).end(Outcome::success());
    log.flush().wait().unwrap();
    let mut terminal = Terminal::new(&fixture, "top --interval 0.1");
    terminal.expect("0.0 calls/s, 0 failed of 1 in a minute, 0 running");
    let running = log.start(Describe::tool("a call that runs"));
    terminal.expect("a call that runs");
    running.end(Outcome::failed("denied"));
    terminal.expect("1 failed of 2 in a minute, 0 running");
    terminal.type_in(b"q");
    terminal.ended(&fixture);
    log.shutdown().wait().unwrap();
}

#[test]
fn a_live_view_continues_when_its_server_is_back() {
    let server = postgres::server();
    let url = server
        .database()
        .replace(&format!(":{}", postgres::PASSWORD), "");
    let fixture = Fixture::with_calls();
    let forward = || {
        let forwarded = fixture.run(&["forward", "--to", &url, "--once"]);
        assert_eq!(forwarded.code, Some(0), "{}", forwarded.stderr);
    };
    forward();
    let args = format!("--store {url} top --interval 0.1");
    let mut terminal = Terminal::new(&fixture, &args);
    terminal.expect("calls/s");
    server.stop("fast");
    terminal.expect("is away: retrying");
    server.start_again();
    let log = fixture.log();
    log.start(Describe::tool("later")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    forward();
    terminal.expect("later");
    server.stop("immediate");
    terminal.expect("is away: retrying");
    terminal.type_in(b"q");
    terminal.ended(&fixture);
}

#[test]
fn ctrl_c_and_sigterm_leave_the_terminal_as_it_was() {
    for by_signal in [false, true] {
        let fixture = Fixture::with_calls();
        let mut terminal = Terminal::new(&fixture, "top");
        terminal.expect("in a minute");
        if by_signal {
            let pid = std::fs::read_to_string(fixture.folder.path().join("pid")).unwrap();
            let killed = Command::new("kill").args(["-TERM", pid.trim()]).status();
            assert!(killed.unwrap().success());
        } else {
            terminal.type_in(b"\x03");
        }
        terminal.ended(&fixture);
    }
}
