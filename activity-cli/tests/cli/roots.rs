//! `activity list` lists what nothing else called, with what ran inside; `@` names the newest.

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::fixture::{Fixture, names};

#[test]
fn a_list_has_the_top_level_unless_the_filter_may_look_inside() {
    let fixture = Fixture::with_calls();
    let check = |args: &[&str], expected: &[&str]| {
        let ran = fixture.run(&[&["list", "--fields", "name"], args].concat());
        let names: Vec<_> = ran.stdout.lines().skip(1).collect();
        assert_eq!(names, expected, "{args:?}");
    };
    let roots = ["idle", "slow", "amazon_search", "POST /mcp"];
    check(&[], &roots);
    check(&["since:1h"], &roots);
    check(&["project:acme"], &["amazon_search"]);
    check(&["actor:\"Ann B\""], &["POST /mcp"]);
    // What looks for something else finds it anywhere.
    check(&["status:failed"], &["netflix_login"]);
    check(&["lookup"], &["lookup"]);
    check(&["-is:root"], &["lookup", "netflix_login"]);
    check(&["attr.rows:42"], &["netflix_login"]);
    check(&["is:root", "kind:http"], &["POST /mcp"]);
    check(
        &["--all", "project:acme"],
        &["amazon_search", "lookup", "netflix_login"],
    );
    check(
        &["-a"],
        &[
            "idle",
            "slow",
            "amazon_search",
            "lookup",
            "netflix_login",
            "POST /mcp",
        ],
    );
    // Programs get everything.
    assert_eq!(fixture.json(&["list"]).len(), 6);
    assert_eq!(names(&fixture.json(&["list", "is:root"])), roots);
}

#[test]
fn a_root_tells_what_ran_inside_and_that_it_failed() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["list"]);
    let titles: Vec<_> = ran
        .stdout
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        titles[..5],
        ["ID", "STATUS", "STARTED", "DURATION", "INSIDE"]
    );
    let request = ran.stdout.lines().last().unwrap();
    assert!(
        request.contains("  2, 1 failed  http  POST /mcp"),
        "{request}"
    );

    let json = fixture.run(&["list", "--json", "-n9"]);
    let lines: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let inside = &lines.last().unwrap()["descendants"];
    assert_eq!(
        (&inside["count"], &inside["failed"], &inside["worst"]),
        (&2.into(), &1.into(), &"failed".into())
    );
    assert!(lines[0].get("descendants").is_none());
}

#[test]
fn a_list_without_roots_says_how_to_get_the_others() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["list", "brand:netflix"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert!(
        ran.stderr
            .starts_with("no activity matches brand:netflix\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .ends_with("activities inside of others match: --all lists them\n"),
        "{}",
        ran.stderr
    );
    let none = fixture.run(&["list", "brand:unknown"]).stderr;
    assert!(!none.contains("inside of others"), "{none}");
}

#[test]
fn the_newest_activity_needs_no_id() {
    let fixture = Fixture::with_calls();
    let check = |id: &str, name: &str| {
        let ran = fixture.run(&["show", id]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{id}");
        assert!(
            ran.stdout
                .lines()
                .next()
                .unwrap()
                .contains(&format!(" {name}  ")),
            "{}",
            ran.stdout
        );
    };
    check("@", "idle");
    check("@~1", "slow");
    check("@~3", "POST /mcp");
    for (id, code, said) in [
        ("@~4", 1, "error: there is no activity @~4"),
        ("@x", 2, "error: \"@x\" is not an ID: write @, or @~1"),
        ("@~-1", 2, "error: \"@~-1\" is not an ID"),
    ] {
        let ran = fixture.run(&["show", id]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{id}");
        assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    }
    let ran = fixture.run(&["recording", "@"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(1), "error: there is no recording @\n")
    );
}

#[test]
fn a_short_id_is_one_that_show_accepts() {
    let fixture = Fixture::new();
    let log = fixture.log();
    for _ in 0..50 {
        log.start(Describe::tool("many")).end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["list", "-n", "7"]);
    let ids: Vec<_> = ran
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(ids.len(), 7);
    for id in ids {
        assert!((8..36).contains(&id.len()), "{id}");
        let shown = fixture.run(&["show", id]);
        assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{id}");
    }
}
