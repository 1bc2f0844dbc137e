//! `activity show`, and what all commands share: safe output, colours, the path of the store.

use std::process::Command;

use tower_activity::{ActivityEvents, Describe, Outcome, record::ActivityRecord};
use tracing_subscriber::{layer::SubscriberExt, registry};

use crate::fixture::{CommandResult, Fixture, names};

#[test]
fn an_activity_is_shown_with_its_error_first_and_its_tree() {
    let fixture = Fixture::with_calls();
    let login = &fixture.json(&["list", "name:netflix_login"])[0];
    let id = login.id.to_string();
    let ran = fixture.run(&["show", &id[..23]]);
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

    let json = fixture.run(&["show", &id, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        serde_json::from_value::<ActivityRecord>(json.clone()).unwrap(),
        *login
    );
    let tree: Vec<ActivityRecord> = serde_json::from_value(json["tree"].clone()).unwrap();
    assert_eq!(names(&tree), ["POST /mcp", "netflix_login", "lookup"]);
}

#[test]
fn log_lines_of_an_activity_are_shown() {
    let fixture = Fixture::new();
    let log = fixture.log();
    let lookup = log.start(Describe::tool("lookup"));
    let id = lookup.id().unwrap().to_string();
    tracing::subscriber::with_default(registry().with(ActivityEvents::new()), || {
        lookup.run(|| {
            tracing::info!(user = 7, "looking up");
            tracing::error!("no such user");
        });
    });
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["show", &id]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().map(str::trim_end).collect();
    let events = lines.iter().position(|line| *line == "EVENTS").unwrap();
    assert!(
        lines[events + 1].ends_with("✓ log  looking up  user=7"),
        "{}",
        ran.stdout
    );
    assert!(
        lines[events + 2].ends_with("✗ log  no such user  ERROR"),
        "{}",
        ran.stdout
    );
    let json: serde_json::Value =
        serde_json::from_str(&fixture.run(&["show", &id, "--json"]).stdout).unwrap();
    assert_eq!(json["events"][0]["data"]["fields"]["user"], 7);
}

#[test]
fn an_unknown_or_ambiguous_id_is_an_error() {
    let fixture = Fixture::with_calls();
    let check = |id: &str, code: i32, said: &str| {
        let ran = fixture.run(&["show", id]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{id}");
        assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    };
    check("ffff", 1, "error: no activity with the ID prefix \"ffff\"");
    check("0", 2, "error: ambiguous ID prefix \"0\": 0");
    check("login", 2, "error: \"login\" is not an ID prefix");
}

#[test]
fn recorded_text_cannot_control_the_terminal() {
    let fixture = Fixture::new();
    let log = fixture.log();
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

    let id = fixture.json(&["list", "kind:tool"])[0].id.to_string();
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["show", &id],
        &["show", &id, "--json"],
        &["list", "\u{1b}[2J\u{202e}x"],
    ] {
        let ran = fixture.run(args);
        for c in [ran.stdout, ran.stderr].concat().chars() {
            let safe = c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c));
            assert!(safe, "{c:?} in {args:?}");
        }
    }
    // JSON has the recorded text, and a table one line per activity.
    assert_eq!(fixture.json(&["list", "kind:tool"])[0].name, evil);
    assert_eq!(fixture.run(&["list", "--all"]).stdout.lines().count(), 3);
}

#[test]
fn colours_are_for_terminals_or_on_request() {
    let fixture = Fixture::with_calls();
    let forced = fixture
        .command(&["list", "--all"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(
        CommandResult::new(&forced)
            .stdout
            .contains("\u{1b}[31m✗ failed\u{1b}[0m")
    );
    let refused = fixture
        .command(&["list"])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!CommandResult::new(&refused).stdout.contains('\u{1b}'));
}

#[test]
fn the_store_is_an_option_or_in_the_environment_or_activity_db() {
    let fixture = Fixture::with_calls();
    let path = fixture.path();
    let elsewhere = Fixture::new();
    let check = |command: &mut Command| {
        let ran = CommandResult::new(&command.output().unwrap());
        assert_eq!(
            (ran.code, ran.stdout.lines().count()),
            (Some(0), 5),
            "{}",
            ran.stderr
        );
    };
    check(&mut fixture.command(&["list"]));
    check(&mut elsewhere.command(&["--store", path.to_str().unwrap(), "list"]));
    check(&mut elsewhere.command(&["list", "--store", path.to_str().unwrap()]));
    check(elsewhere.command(&["list"]).env("ACTIVITY_STORE", &path));

    for command in ["list", "tail", "doctor"] {
        let ran = elsewhere.run(&[command]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
        assert!(
            ran.stderr.starts_with("error: no store at "),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr
                .contains("\n\nhelp: use --store PATH or ACTIVITY_STORE"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(
        std::fs::read_dir(elsewhere.folder.path()).unwrap().count(),
        0
    );
    let ran = elsewhere.run(&["list", "--store", "mysql://host/db"]);
    assert_eq!(ran.code, Some(2));
}
