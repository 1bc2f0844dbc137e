//! Tables at the width of a terminal, `--fields` and `--sort`.

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::fixture::{CommandResult, Fixture, names};

/// A store whose texts are longer than any terminal is wide.
fn messy() -> Fixture {
    let fixture = Fixture::new();
    let log = fixture.log();
    let long = "x".repeat(300);
    let names = [
        long.as_str(),
        "\u{202e}desrever",
        "商品検索・日本語ツール名",
        " ",
        "login",
    ];
    for name in names.map(str::to_owned) {
        let call = Describe::tool(name)
            .project(long.clone())
            .actor(long.clone())
            .brand(long.clone());
        let call = log.start(call);
        log.start(Describe::job("inside").parent(&call))
            .end(Outcome::failed("tool_error"));
        call.end(Outcome::failed("tool_error").with_message(long.clone()));
    }
    drop(log.start(Describe::tool("cancelled call")));
    log.shutdown().wait().unwrap();
    fixture
}

fn at_width(fixture: &Fixture, args: &[&str], columns: usize) -> CommandResult {
    let output = fixture
        .command(args)
        .env("COLUMNS", columns.to_string())
        .output();
    CommandResult::new(&output.unwrap())
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let fixture = messy();
    for args in [
        &["list"][..],
        &["list", "--all"],
        &["list", "--fields", "id,name,project,error,duration"],
        &["errors"],
        &["stats", "--by", "name"],
        &["stats", "--by", "project"],
        &["top", "--once"],
        &["tail", "-n0", "--help"],
    ] {
        if args[0] == "tail" {
            continue;
        }
        for columns in [80, 100, 200] {
            let ran = at_width(&fixture, args, columns);
            assert_eq!(ran.code, Some(0), "{args:?} {}", ran.stderr);
            for line in ran.stdout.lines() {
                let width: usize = line
                    .chars()
                    .map(|c| if c > '\u{2e80}' { 2 } else { 1 })
                    .sum();
                assert!(width <= columns, "{args:?} at {columns}: {width}\n{line}");
            }
        }
    }
}

#[test]
fn a_long_name_leaves_room_for_the_error_and_a_blank_one_is_visible() {
    let fixture = messy();
    for columns in [80, 200] {
        let ran = at_width(&fixture, &["list"], columns);
        let long = ran
            .stdout
            .lines()
            .find(|line| line.contains("xxxxxxxx…  "))
            .unwrap();
        let error = long.find("tool_error:").map(|at| &long[at..]).unwrap();
        assert!(error.chars().count() >= columns / 7, "{columns}: {error}");
        assert!(ran.stdout.contains("  (blank: ␣)  "), "{}", ran.stdout);
        for line in ran.stdout.lines().skip(1) {
            assert!(
                line.contains(" s ago  ") || line.contains(" just now  "),
                "{line}"
            );
        }
    }
}

#[test]
fn the_fields_of_a_list_can_be_chosen() {
    let fixture = Fixture::with_calls();
    let list =
        |args: &[&str]| fixture.run(&[&["list", "--all", "name:netflix_login"], args].concat());
    let ran = list(&["--fields", "name,attr.rows,error,started"]);
    let lines: Vec<_> = ran.stdout.lines().collect();
    let titles: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(titles, ["NAME", "rows", "ERROR", "STARTED"]);
    assert!(
        lines[1].starts_with("netflix_login    42  tool_error: no such user …  20"),
        "{}",
        lines[1]
    );

    // In JSON: the keys of the record, in the order of the fields.
    let ran = list(&["--json", "--fields", "status,error,attr.rows,duration_ns"]);
    assert!(
        ran.stdout.starts_with("{\"status\":\"failed\",\"error_type\":\"tool_error\",\"message\":\"no such user\\nat line 3\",\"attr.rows\":42,\"duration_ns\":"),
        "{}",
        ran.stdout
    );
    let ran = fixture.run(&["list", "--json", "--fields", "name,inside"]);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["name"], &last["descendants"]["count"]),
        (&"POST /mcp".into(), &2.into())
    );

    let ran = list(&["--fields", "name,nonsense"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(
        ran.stderr
            .starts_with("error: unknown field \"nonsense\" in --fields: use id, status, "),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_fields_of_events_can_be_chosen() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let event = log
        .event("deployment")
        .summary("v3")
        .data(serde_json::json!({"commits": 4}));
    event.record().committed().wait().unwrap();
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["events", "--fields", "type,attr.commits,summary"]);
    assert_eq!(
        ran.stdout,
        "TYPE        commits  SUMMARY\ndeployment        4  v3\n"
    );
    let ran = fixture.run(&["events", "--json", "--fields", "type,attr.commits"]);
    assert_eq!(ran.stdout, "{\"type\":\"deployment\",\"attr.commits\":4}\n");
}

#[test]
fn the_longest_come_first_on_request() {
    let fixture = Fixture::with_calls();
    let mut all = fixture.json(&["list", "--all"]);
    all.sort_by_key(|one| std::cmp::Reverse((one.duration_ns, one.id)));
    for limit in 1..=7 {
        let limit = limit.to_string();
        let sorted = fixture.json(&["list", "--all", "--sort", "duration", "-n", &limit]);
        let expected = &all[..sorted.len()];
        assert_eq!(names(&sorted), names(expected));
        assert_eq!(sorted.len(), limit.parse::<usize>().unwrap().min(6));
    }
    let roots = fixture.json(&["list", "is:root", "--sort", "duration"]);
    assert_eq!((roots.len(), names(&roots)[0]), (4, "POST /mcp"));
    let none = fixture.run(&["list", "--sort", "duration", "name:unknown"]);
    assert!(
        none.stderr
            .starts_with("no activity matches name:unknown\n"),
        "{}",
        none.stderr
    );
    let ran = fixture.run(&["list", "--sort", "duration", "status:failed"]);
    assert_eq!(ran.stderr, "");
    let ran = fixture.run(&["list", "--all", "--sort", "duration", "-n", "2"]);
    assert_eq!(ran.stderr, "the 2 longest of 6: --limit lists more\n");
    // It is inside a root that does not match.
    let ran = fixture.run(&[
        "list",
        "--sort",
        "duration",
        "--fields",
        "name",
        "brand:netflix",
    ]);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("NAME\nnetflix_login\n", "")
    );
    let ran = fixture.run(&["list", "--sort", "duration", "--cursor", "x"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn what_has_no_duration_is_not_said_to_be_missing() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let running = log.start(Describe::tool("import"));
    log.flush().wait().unwrap();
    for args in [&["status:running"][..], &["--all"], &[]] {
        let ran = fixture.run(&[&["list", "--sort", "duration"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
        assert_eq!(
            ran.stderr,
            "no activity that matches has a duration: they are running or abandoned\n"
        );
    }
    drop(running);
    log.shutdown().wait().unwrap();
}

#[test]
fn a_json_list_that_ends_early_says_where_it_continues() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["list", "--json", "-n", "4"]);
    assert_eq!(ran.stdout.lines().count(), 4);
    let cursor = ran.stderr.trim().strip_prefix("more: --cursor ").unwrap();
    let rest = fixture.run(&["list", "--json", "--cursor", cursor]);
    assert_eq!((rest.stdout.lines().count(), rest.stderr.as_str()), (2, ""));
}

#[test]
fn no_number_is_cut() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let long = "x".repeat(200);
    for n in 0..3_u64 {
        let call = Describe::tool(long.clone())
            .attribute("rows", 123_456_789_012_u64 + n)
            .attribute("mixed", if n == 0 { long.clone() } else { String::new() });
        let call = log.start(call);
        if n > 0 {
            call.set("mixed", 987_654_321_098_u64);
        }
        call.end(Outcome::failed("tool_error").with_message(long.clone()));
    }
    log.shutdown().wait().unwrap();
    let fields = "name,project,attr.rows,attr.mixed,error,duration,started,status";
    for columns in [200, 80, 60, 40] {
        let ran = at_width(&fixture, &["list", "--fields", fields], columns);
        for (at, line) in ran.stdout.lines().skip(1).enumerate() {
            let row = format!(" {} ", 123_456_789_014 - at);
            assert!(line.contains(&row), "{columns}: {line}");
            let is_cut = |word: &str| word.starts_with('9') && word.ends_with('…');
            let cut = line.split_whitespace().any(is_cut);
            assert!(!cut, "{columns}: {line}");
        }
    }
}

#[test]
fn long_messages_are_broken_between_words() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let message = "the upstream did not answer ".repeat(12);
    let call = Describe::tool("pay").attribute("reason", message.clone());
    let call = log.start(call);
    call.event("retried").summary(message.clone()).record();
    log.start(Describe::job("POST").parent(&call))
        .end(Outcome::failed("502").with_message(message.clone()));
    call.end(Outcome::failed("tool_error").with_message(message.clone()));
    log.shutdown().wait().unwrap();
    for columns in [60, 80, 200] {
        let ran = at_width(&fixture, &["show", "@"], columns);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        for line in ran.stdout.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        let words = ran.stdout.split_whitespace();
        assert!(words.filter(|word| *word == "upstream").count() >= 48);
    }
}

#[test]
fn blank_names_look_different() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for name in ["", " ", "  ", "\u{2003}"] {
        log.start(Describe::tool(name)).end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    for args in [
        &["stats", "--by", "name"][..],
        &["list"],
        &["top", "--once"],
    ] {
        let ran = fixture.run(args);
        for name in [
            "(unnamed)",
            "(blank: ␣)",
            "(blank: ␣␣)",
            "(blank: \\u{2003})",
        ] {
            assert!(ran.stdout.contains(name), "{name} {args:?}: {}", ran.stdout);
        }
    }
}

#[test]
fn a_summary_is_not_broken_within_a_number() {
    let fixture = Fixture::with_calls();
    let ran = at_width(&fixture, &["stats"], 32);
    let mut lines = ran.stdout.lines().map(str::trim_start);
    let durations = lines
        .by_ref()
        .skip_while(|line| !line.starts_with("durations"));
    let durations: Vec<_> = durations.take_while(|line| !line.is_empty()).collect();
    assert!(durations.len() > 1, "{}", ran.stdout);
    let names = [
        "durations ",
        "p50 ",
        "p95 ",
        "p99 ",
        "longest ",
        "agents",
        "turns",
    ];
    for line in durations {
        let is_named = names.iter().any(|name| line.starts_with(name));
        assert!(is_named, "{}", ran.stdout);
    }
}
