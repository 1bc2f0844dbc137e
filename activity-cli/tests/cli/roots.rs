//! `activity list` lists the top level of the activities that match, with what ran inside; `@` names the newest.

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
    check(&["project:acme"], &["amazon_search", "netflix_login"]);
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
fn an_activity_is_listed_where_neither_its_root_nor_its_parent_is() {
    let fixture = Fixture::with_calls();
    let all = fixture.json(&["list"]);
    let names_of = |fixture: &Fixture, filter: &str| -> Vec<(String, String)> {
        let ran = fixture.run(&["list", "--fields", "name,inside", filter]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{filter}");
        let rows = ran.stdout.lines().skip(1).map(|line| {
            let (name, inside) = line.split_once(' ').unwrap_or((line, ""));
            (name.to_owned(), inside.trim().to_owned())
        });
        rows.collect()
    };
    let own = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        let rows = rows.iter();
        rows.map(|(name, inside)| ((*name).to_owned(), (*inside).to_owned()))
            .collect()
    };
    // The root has no brand, or started before the window. `lookup` is inside the one that is listed.
    let login = own(&[("netflix_login", "1")]);
    assert_eq!(names_of(&fixture, "brand:netflix"), login);
    let started = |name: &str| all.iter().find(|one| one.name == *name).unwrap().started_at;
    let since = started("netflix_login").format("since:%Y-%m-%dT%H:%M:%S%.6fZ");
    let until = started("amazon_search").format("until:%Y-%m-%dT%H:%M:%S%.6fZ");
    assert_eq!(names_of(&fixture, &format!("{since} {until}")), login);

    // The root was not imported.
    let exported = fixture.run(&["export"]).stdout;
    let lines = exported.lines().filter(|line| !line.contains("POST /mcp"));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(fixture.folder.path().join("part.jsonl"), lines).unwrap();
    let part = Fixture::new();
    let file = fixture.folder.path().join("part.jsonl");
    let ran = part.run(&["import", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let rows = own(&[
        ("idle", ""),
        ("slow", ""),
        ("amazon_search", ""),
        ("netflix_login", "1"),
    ]);
    assert_eq!(names_of(&part, ""), rows);
    let shown = part.run(&["show", "@~3"]).stdout;
    assert!(shown.contains(" netflix_login  "), "{shown}");
}

#[test]
fn pages_have_every_activity_at_the_top_level_once() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let mut expected = Vec::new();
    for n in 0..6 {
        let root = log.start(Describe::job(format!("root {n}")));
        let acme = |name: String| Describe::job(name).project("acme");
        log.start(acme(format!("inside {n}")).parent(&root))
            .end(Outcome::success());
        root.end(Outcome::success());
        log.start(acme(format!("own {n}"))).end(Outcome::success());
        expected.extend([format!("inside {n}"), format!("own {n}")]);
    }
    log.shutdown().wait().unwrap();
    expected.reverse();
    for limit in ["1", "5", "12"] {
        let (mut listed, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut args = vec!["list", "--fields", "name", "-n", limit, "project:acme"];
            args.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor]));
            let ran = fixture.run(&args);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            listed.extend(ran.stdout.lines().skip(1).map(str::to_owned));
            let next = ran.stderr.trim().strip_prefix("more: --cursor ");
            assert_eq!(next.is_none(), ran.stderr.is_empty(), "{}", ran.stderr);
            match next {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(listed, expected, "{limit}");
    }
}

#[test]
fn a_list_that_did_not_look_everywhere_says_so() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let root = log.start(Describe::job("root").project("acme"));
    let other = log.start(Describe::job("other").project("acme").parent(&root));
    for _ in 0..10_001 {
        log.start(Describe::job("row").parent(&other))
            .end(Outcome::success());
    }
    other.end(Outcome::success());
    root.end(Outcome::success());
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["list", "--fields", "name,inside", "project:acme"]);
    assert_eq!(ran.stdout, "NAME  INSIDE\nroot  1,000+\n");
    let said = "not all activities inside others were checked: until:20";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    let rest = " lists older ones, --all lists all\n";
    assert!(ran.stderr.ends_with(rest), "{}", ran.stderr);
    let until = ran
        .stderr
        .split(' ')
        .find(|word| word.starts_with("until:"));
    let older = fixture.run(&["list", "project:acme", until.unwrap()]);
    assert_eq!(older.code, Some(0), "{}", older.stderr);
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

#[test]
fn a_short_id_stays_unique_while_others_start() {
    let fixture = Fixture::new();
    let log = fixture.log();
    log.start(Describe::tool("first")).end(Outcome::success());
    log.flush().wait().unwrap();
    let ran = fixture.run(&["list"]);
    let id = ran.stdout.lines().nth(1).unwrap();
    let id = id.split(' ').next().unwrap();
    // Another one, within the 65 seconds that eight digits stand for.
    log.start(Describe::tool("second")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    let shown = fixture.run(&["show", id]);
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{id}");
    assert!(shown.stdout.contains(" first  "), "{}", shown.stdout);
}
