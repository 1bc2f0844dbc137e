//! The command `activity`, run as people and scripts run it, on stores that real logs wrote.
#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tower_activity::{ActivityLog, ActivityRecord, Describe, Kind, Outcome, Status};

/// A store in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("activity.db")
    }

    fn log(&self) -> ActivityLog {
        ActivityLog::builder()
            .flush_interval(Duration::from_millis(1))
            .open(self.path())
            .unwrap()
    }

    /// A request with a tool call inside that fails, and three calls that end otherwise.
    fn with_calls() -> Self {
        let place = Place::new();
        let log = place.log();
        let request = log.start(
            Describe::new(Kind::Http, "POST /mcp")
                .session("s1")
                .actor("Ann B"),
        );
        let login = Describe::tool("netflix_login")
            .project("acme")
            .brand("netflix")
            .attribute("rows", 42);
        let login = log.start(login.parent(&request));
        log.start(Describe::job("lookup").parent(&login))
            .end(Outcome::success());
        login.end(Outcome::failed("tool_error").with_message("no such user\nat line 3"));
        request.end(Outcome::success());
        log.start(
            Describe::tool("amazon_search")
                .project("acme")
                .brand("amazon"),
        )
        .end(Outcome::success());
        drop(log.start(Describe::tool("slow")));
        log.start(Describe::job("idle")).end(Outcome::skipped());
        log.shutdown().wait().unwrap();
        place
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_activity"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env("TZ", "UTC");
        for name in [
            "ACTIVITY_STORE",
            "COLUMNS",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    fn json(&self, args: &[&str]) -> Vec<ActivityRecord> {
        let ran = self.run(&[&args[..1], &["--json"], &args[1..]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        ran.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

fn names(activities: &[ActivityRecord]) -> Vec<&str> {
    activities
        .iter()
        .map(|activity| activity.name.as_str())
        .collect()
}

#[test]
fn a_list_is_a_table_newest_first() {
    let ran = Place::with_calls().run(&["list"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 7, "{}", ran.stdout);
    let titles: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(
        titles,
        [
            "ID", "STATUS", "STARTED", "DURATION", "KIND", "NAME", "PROJECT", "BRAND", "ACTOR",
            "ERROR"
        ]
    );
    let at = lines[0].find("NAME").unwrap();
    let starts = |line: &str, name: &str| {
        let before = line.find(name).unwrap();
        assert_eq!(line[..before].chars().count(), at, "{line}");
    };
    for (line, name) in lines[1..].iter().zip([
        "idle",
        "slow",
        "amazon_search",
        "lookup",
        "netflix_login",
        "POST",
    ]) {
        starts(line, name);
    }
    let signs = [
        "○ skipped",
        "⊘ cancelled",
        "✓ success",
        "✓ success",
        "✗ failed",
        "✓ success",
    ];
    for (line, sign) in lines[1..].iter().zip(signs) {
        assert!(line.contains(sign), "{line}");
    }
    assert!(
        lines[5].ends_with("acme     netflix  Ann B  tool_error: no such user …"),
        "{}",
        lines[5]
    );
    assert!(!ran.stdout.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn columns_that_nobody_needs_are_left_out() {
    let ran = Place::with_calls().run(&["list", "name:slow,idle"]);
    let titles: Vec<_> = ran
        .stdout
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        titles,
        ["ID", "STATUS", "STARTED", "DURATION", "KIND", "NAME"]
    );
}

#[test]
fn a_narrow_terminal_gets_narrow_lines() {
    let place = Place::with_calls();
    for columns in [80, 100, 140] {
        let output = place
            .command(&["list"])
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap();
        for line in Ran::of(&output).stdout.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn json_is_one_record_a_line() {
    let place = Place::with_calls();
    let all = place.json(&["list"]);
    assert_eq!(
        names(&all),
        [
            "idle",
            "slow",
            "amazon_search",
            "lookup",
            "netflix_login",
            "POST /mcp"
        ]
    );
    assert_eq!(all[4].attributes["rows"], 42);
    assert_eq!(
        names(&place.json(&["list", "--limit", "2"])),
        ["idle", "slow"]
    );
    assert!(place.json(&["list", "name:nobody"]).is_empty());
}

#[test]
fn the_rest_of_the_arguments_is_the_filter() {
    let place = Place::with_calls();
    let check = |args: &[&str], expected: &[&str]| {
        assert_eq!(
            names(&place.json(&[&["list"], args].concat())),
            expected,
            "{args:?}"
        );
    };
    check(&["kind:tool", "status:failed"], &["netflix_login"]);
    check(&["kind:tool status:failed"], &["netflix_login"]);
    check(
        &["kind:tool", "-brand:netflix", "--limit", "9"],
        &["slow", "amazon_search"],
    );
    check(&["-status:success", "-status:failed"], &["idle", "slow"]);
    check(&["--", "-login", "kind:tool"], &["slow", "amazon_search"]);
    check(&["USER"], &["netflix_login"]);
    check(&["actor:\"Ann B\" has:error"], &["netflix_login"]);
    check(
        &["since:1h", "duration:<1h", "name:*_*"],
        &["amazon_search", "netflix_login"],
    );
    check(&["until:2001-01-01"], &[]);
}

#[test]
fn a_wrong_filter_is_usage_and_pointed_at() {
    let ran = Place::with_calls().run(&["list", "kind:tool", "status:faild", "x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    let expected = "\
error: `faild` is not a status

  kind:tool status:faild x
                   ^^^^^

help: did you mean `failed`? allowed: running, success, failed, cancelled, skipped, abandoned
";
    assert_eq!(ran.stderr, expected);
    for args in [
        &["list", "type:deployment"][..],
        &["tail", "type:deployment"],
        &["list", "--limit", "0"],
    ] {
        let ran = Place::with_calls().run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
    }
}

#[test]
fn an_empty_list_says_what_there_is() {
    let ran = Place::with_calls().run(&["list", "status:running"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr
            .starts_with("no activity matches status:running\n6 are on record, the newest from"),
        "{}",
        ran.stderr
    );
    let place = Place::new();
    place.log().shutdown().wait().unwrap();
    let ran = place.run(&["list"]);
    assert!(
        ran.stderr.starts_with("no activity is on record yet:"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_long_list_goes_on_where_it_ended() {
    let place = Place::with_calls();
    let ran = place.run(&["list", "--limit", "4"]);
    let cursor = ran
        .stdout
        .lines()
        .last()
        .unwrap()
        .strip_prefix("more: --cursor ")
        .unwrap();
    let rest = place.json(&["list", "--cursor", cursor]);
    assert_eq!(names(&rest), ["netflix_login", "POST /mcp"]);
}

#[test]
fn more_than_a_page_is_read_page_by_page() {
    let place = Place::new();
    let log = place.log();
    for _ in 0..2500 {
        log.start(Describe::tool("many")).end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    assert_eq!(place.json(&["list", "--limit", "2400"]).len(), 2400);
    assert_eq!(place.json(&["list", "--limit", "9999"]).len(), 2500);
}

#[test]
fn an_activity_is_shown_with_its_error_first_and_its_tree() {
    let place = Place::with_calls();
    let login = &place.json(&["list", "name:netflix_login"])[0];
    let id = login.id.to_string();
    let ran = place.run(&["show", &id[..23]]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().map(str::trim_end).collect();
    assert_eq!(
        lines[..5],
        [
            "✗ netflix_login  failed",
            "  tool_error",
            "  no such user",
            "  at line 3",
            ""
        ]
    );
    assert!(
        lines.contains(&"  project      acme") && lines.contains(&"  rows         42"),
        "{}",
        ran.stdout
    );
    let tree = lines.iter().position(|line| *line == "TREE").unwrap();
    assert!(
        lines[tree + 1].starts_with("  ✓ POST /mcp "),
        "{}",
        ran.stdout
    );
    assert!(
        lines[tree + 2].starts_with("  └─ ✗ netflix_login ") && lines[tree + 2].contains("← this"),
        "{}",
        ran.stdout
    );
    assert!(
        lines[tree + 3].starts_with("     └─ ✓ lookup "),
        "{}",
        ran.stdout
    );

    let json = place.run(&["show", &id, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        serde_json::from_value::<ActivityRecord>(json.clone()).unwrap(),
        *login
    );
    let tree: Vec<ActivityRecord> = serde_json::from_value(json["tree"].clone()).unwrap();
    assert_eq!(names(&tree), ["POST /mcp", "netflix_login", "lookup"]);
}

#[test]
fn an_id_that_is_none_or_many_is_an_error() {
    let place = Place::with_calls();
    let check = |id: &str, code: i32, said: &str| {
        let ran = place.run(&["show", id]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{id}");
        assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    };
    check(
        "ffff",
        1,
        "error: could not find an activity whose id begins with \"ffff\"",
    );
    check("0", 2, "error: several ids begin with \"0\": 0");
    check(
        "login",
        2,
        "error: \"login\" is not the beginning of an activity's id",
    );
}

#[test]
fn nothing_that_was_recorded_acts_on_the_terminal() {
    let place = Place::new();
    let log = place.log();
    let evil = "\u{1b}[31mred \u{1b}]8;;http://x\u{7}link\nsecond line\r\u{202e}desrever\u{9b}2J";
    let call = Describe::tool(evil)
        .project(evil)
        .actor(evil)
        .session(evil)
        .attribute(evil, evil);
    let call = log.start(call);
    log.start(Describe::job(evil).parent(&call))
        .end(Outcome::success());
    call.end(Outcome::failed(evil).with_message(evil));
    log.shutdown().wait().unwrap();

    let id = place.json(&["list", "kind:tool"])[0].id.to_string();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["show", &id],
        &["show", &id, "--json"],
        &["list", "\u{1b}[2J\u{202e}x"],
    ] {
        let ran = place.run(args);
        for c in [ran.stdout, ran.stderr].concat().chars() {
            let safe = c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(safe, "{c:?} in {args:?}");
        }
    }
    // JSON means what was recorded all the same, and a table has one line for one activity.
    assert_eq!(place.json(&["list", "kind:tool"])[0].name, evil);
    assert_eq!(place.run(&["list"]).stdout.lines().count(), 3);
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let place = Place::with_calls();
    let forced = place
        .command(&["list"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(
        Ran::of(&forced)
            .stdout
            .contains("\u{1b}[31m✗ failed\u{1b}[0m")
    );
    let refused = place
        .command(&["list"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!Ran::of(&refused).stdout.contains('\u{1b}'));
}

#[test]
fn the_store_is_an_option_or_in_the_environment_or_activity_db() {
    let place = Place::with_calls();
    let path = place.path();
    let elsewhere = Place::new();
    let check = |command: &mut Command| {
        let ran = Ran::of(&command.output().unwrap());
        assert_eq!(
            (ran.code, ran.stdout.lines().count()),
            (Some(0), 7),
            "{}",
            ran.stderr
        );
    };
    check(&mut place.command(&["list"]));
    check(&mut elsewhere.command(&["--store", path.to_str().unwrap(), "list"]));
    check(&mut elsewhere.command(&["list", "--store", path.to_str().unwrap()]));
    check(elsewhere.command(&["list"]).env("ACTIVITY_STORE", &path));

    for command in ["list", "tail", "doctor"] {
        let ran = elsewhere.run(&[command]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
        assert!(
            ran.stderr.starts_with("error: there is no log at "),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("activity.db\n\nhelp: a log is made by"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(
        std::fs::read_dir(elsewhere.folder.path()).unwrap().count(),
        0
    );
    let ran = elsewhere.run(&["list", "--store", "postgres://host/db"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_doctor_finds_a_healthy_store_healthy() {
    let place = Place::with_calls();
    let ran = place.run(&["doctor"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("6 ended, 0 running, 0 abandoned"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .ends_with("✓ the store is whole and every activity is accounted for\n")
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["ok"], &json["activities"]),
        (&true.into(), &6.into())
    );
    assert_eq!(json["instances"][0]["accounting"]["committed"], 6);
}

#[test]
fn a_doctor_finds_damage() {
    let place = Place::new();
    let log = place.log();
    for _ in 0..2000 {
        log.start(Describe::tool("many").project("acme"))
            .end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    let mut bytes = std::fs::read(place.path()).unwrap();
    let middle = bytes.len() / 2 / 8192 * 8192;
    bytes[middle..middle + 8192].fill(0xab);
    std::fs::write(place.path(), bytes).unwrap();
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("\nproblem: ") && !ran.stdout.contains('✓'),
        "{ran:?}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(json["ok"], false);
}

#[test]
fn a_doctor_finds_numbers_that_do_not_add_up() {
    let place = Place::with_calls();
    let store = rusqlite::Connection::open(place.path()).unwrap();
    let wrong = "UPDATE instance SET accounting = json_set(accounting, '$.committed', 5)";
    assert_eq!(store.execute(wrong, ()).unwrap(), 1);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("problem: the accounting of instance 0"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_was_lost_is_told_and_no_fault_of_the_store() {
    let place = Place::with_calls();
    let store = rusqlite::Connection::open(place.path()).unwrap();
    let lost = "UPDATE instance SET accounting = json_set(accounting, '$.started', 9, '$.rejected_memory', 3)";
    assert_eq!(store.execute(lost, ()).unwrap(), 1);
    let ran = place.run(&["doctor"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout
            .contains("note: 3 activities not recorded: the memory bound was reached"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_runs_is_listed_with_how_long_it_has_been_running() {
    let place = Place::new();
    let log = place.log();
    let _slow = log.start(Describe::tool("slow"));
    let ran = until(|| Some(place.run(&["list"])).filter(|ran| !ran.stdout.is_empty()));
    assert!(
        ran.stdout.contains("● running") && ran.stdout.contains("s …"),
        "{}",
        ran.stdout
    );
    let doctor = place.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("0 ended, 1 running, 0 abandoned"),
        "{}",
        doctor.stdout
    );
    assert_eq!(doctor.code, Some(0));
}

#[cfg(unix)]
#[test]
fn a_tail_follows_and_ends_cleanly_when_interrupted() {
    let place = Place::new();
    let log = place.log();
    log.start(Describe::tool("before")).end(Outcome::success());
    log.flush().wait().unwrap();
    let mut tail = Tail::of(place.command(&["tail", "kind:tool", "--json"]));
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
fn a_tail_ends_quietly_when_nobody_reads_it() {
    let place = Place::new();
    let log = place.log();
    let mut command = place.command(&["tail"]);
    command.stderr(Stdio::piped());
    let mut tail = Tail::of(command);
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

#[test]
fn a_list_ends_quietly_when_nobody_reads_it() {
    let place = Place::with_calls();
    for args in [&["list"][..], &["list", "--json"]] {
        let mut command = place.command(args);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
}

/// A `tail` that is running.
struct Tail {
    child: Child,
    lines: Option<std::io::Lines<BufReader<std::process::ChildStdout>>>,
}

impl Tail {
    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        Tail { child, lines }
    }

    /// The next line, which is waited for.
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
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until the answer is there, for up to ten seconds.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time");
        std::thread::yield_now();
    }
}
