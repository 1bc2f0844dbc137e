//! `activity list`: tables, JSON, filters.

use std::process::Stdio;

use tower_activity::{Describe, Outcome};

use crate::fixture::{CommandResult, Fixture, names};

#[test]
fn a_list_is_a_table_newest_first() {
    let ran = Fixture::with_calls().run(&["list", "--all"]);
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
fn empty_columns_are_left_out() {
    let ran = Fixture::with_calls().run(&["list", "name:slow,idle"]);
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
    let fixture = Fixture::with_calls();
    for columns in [80, 100, 140] {
        let output = fixture
            .command(&["list", "--all"])
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap();
        for line in CommandResult::new(&output).stdout.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn json_is_one_record_per_line() {
    let fixture = Fixture::with_calls();
    let all = fixture.json(&["list", "--all"]);
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
        names(&fixture.json(&["list", "--limit", "2"])),
        ["idle", "slow"]
    );
    assert!(fixture.json(&["list", "name:unknown"]).is_empty());
}

#[test]
fn the_rest_of_the_arguments_is_the_filter() {
    let fixture = Fixture::with_calls();
    let check = |args: &[&str], expected: &[&str]| {
        assert_eq!(
            names(&fixture.json(&[&["list", "--all"], args].concat())),
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
    check(&["brand:NETFLIX", "-is:root"], &["lookup", "netflix_login"]);
    check(&["-attr.x.y:1", "brand:=NETFLIX"], &[]);
    check(&["USER", "-!!!"], &["netflix_login"]);
    check(&["USER", "-🎉", "-\"...\""], &["netflix_login"]);
}

#[test]
fn days_and_times_are_those_of_the_time_zone() {
    let ran =
        Fixture::with_calls().run(&["list", "--tz", "America/Los_Angeles", "since:2999-11-28"]);
    let expected = "no activity matches since:2999-11-28T08:00:00Z (`since` is in the future)\n";
    assert!(ran.stderr.starts_with(expected), "{}", ran.stderr);
    for command in ["list", "events", "digest", "export"] {
        let ran = Fixture::with_calls().run(&[command, "--tz", "Asia/Atlantis"]);
        assert_eq!(ran.code, Some(2), "{command}");
        assert!(ran.stderr.contains("'--tz <ZONE>'"), "{}", ran.stderr);
    }
}

#[test]
fn an_invalid_filter_is_a_usage_error_that_points_at_it() {
    let ran = Fixture::with_calls().run(&["list", "kind:tool", "status:faild", "x"]);
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
        let ran = Fixture::with_calls().run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}");
    }
}

#[test]
fn an_empty_list_explains_why() {
    let ran = Fixture::with_calls().run(&["list", "status:running"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr
            .starts_with("no activity matches status:running\n6 stored, the newest"),
        "{}",
        ran.stderr
    );
    let fixture = Fixture::new();
    fixture.log().shutdown().wait().unwrap();
    let ran = fixture.run(&["list"]);
    assert!(
        ran.stderr.starts_with("no activities yet:"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_long_list_continues_after_its_cursor() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["list", "--all", "--limit", "4"]);
    // A pipe gets rows only.
    assert_eq!(ran.stdout.lines().count(), 1 + 4, "{ran:?}");
    let cursor = ran.stderr.strip_prefix("more: --cursor ");
    let cursor = cursor.unwrap().trim_end();
    let rest = fixture.json(&["list", "--all", "--cursor", cursor]);
    assert_eq!(names(&rest), ["netflix_login", "POST /mcp"]);
}

#[test]
fn more_than_a_page_is_read_page_by_page() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for _ in 0..2500 {
        log.start(Describe::tool("many")).end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    assert_eq!(fixture.json(&["list", "--limit", "2400"]).len(), 2400);
    assert_eq!(fixture.json(&["list", "--limit", "9999"]).len(), 2500);
}

#[test]
fn a_list_ends_quietly_when_its_pipe_is_closed() {
    let fixture = Fixture::with_calls();
    for args in [&["list"][..], &["list", "--json"]] {
        let mut command = fixture.command(args);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ran = CommandResult::new(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
}
