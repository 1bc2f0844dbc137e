//! What all commands share: `--json`, `--color`, help and usage.

use serde_json::Value;

use crate::fixture::{CommandResult, Fixture};

/// Runs a command and returns the only object that it prints.
fn object(fixture: &Fixture, args: &[&str]) -> Value {
    let ran = fixture.run(args);
    assert_eq!(ran.code, Some(0), "{args:?} {}", ran.stderr);
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{args:?} {error}: {}", ran.stdout))
}

#[test]
fn what_a_command_did_can_be_json() {
    let fixture = Fixture::with_calls();
    let event = object(
        &fixture,
        &["event", "deployment", "v3", "--project", "acme", "--json"],
    );
    assert_eq!(event["id"].as_str().unwrap().len(), 36);
    let digest = object(&fixture, &["digest", "--json"]);
    assert_eq!(digest["events"][0]["summary"], "v3");

    let prune = object(
        &fixture,
        &["prune", "--older-than", "1d", "--dry-run", "--json"],
    );
    let nothing = serde_json::json!({
        "dry_run": true, "deleted": {"activities": 0, "events": 0}, "freed_bytes": 0
    });
    assert_eq!(prune, nothing);
    let prune = object(
        &fixture,
        &[
            "prune",
            "--older-than",
            "2999-01-01",
            "--what",
            "activities",
            "--json",
        ],
    );
    assert_eq!(
        (&prune["dry_run"], &prune["deleted"]["activities"]),
        (&false.into(), &5.into())
    );

    let erase = object(
        &fixture,
        &["erase", "--actor", "ann", "--dry-run", "--json"],
    );
    assert_eq!(
        (&erase["dry_run"], &erase["activities"]),
        (&true.into(), &0.into())
    );
    let rebuild = object(&fixture, &["rebuild", "--json"]);
    assert!(rebuild["quarter_hours"].is_u64() && rebuild["restored"] == serde_json::json!([]));
    let backup = object(&fixture, &["backup", "copy.db", "--json"]);
    assert!(backup["bytes"].as_u64() > Some(0) && backup["file"] == "copy.db");

    let export = fixture.run(&["export", "--events", "-o", "events.jsonl"]);
    assert_eq!(export.code, Some(0));
    let import = object(&fixture, &["import", "events.jsonl", "--json"]);
    assert_eq!(
        (&import["events"], &import["known"]),
        (&0.into(), &1.into())
    );

    let token = object(
        &fixture,
        &[
            "token",
            "create",
            "acme",
            "--filter",
            "project:acme",
            "--json",
        ],
    );
    assert_eq!(
        (&token["name"], &token["filter"]),
        (&"acme".into(), &"project:acme".into())
    );
    assert!(
        token["token"]
            .as_str()
            .is_some_and(|token| token.len() > 20)
    );
    let webhook = object(
        &fixture,
        &["webhooks", "add", "hook", "https://example.com/", "--json"],
    );
    assert!(webhook["secret"].as_str().unwrap().starts_with("whsec_"));
    let top = object(&fixture, &["top", "--json"]);
    assert_eq!((&top["ended"], &top["failed"]), (&1.into(), &0.into()));
}

#[test]
fn colours_are_an_option() {
    let fixture = Fixture::with_calls();
    for args in [
        &["--color", "always", "list"][..],
        &["list", "--color=always"],
    ] {
        let ran = fixture.run(args);
        assert!(ran.stdout.contains("\u{1b}["), "{args:?}");
    }
    let forced = |args: &[&str]| {
        let output = fixture.command(args).env("CLICOLOR_FORCE", "1").output();
        CommandResult::new(&output.unwrap()).stdout
    };
    assert!(forced(&["list"]).contains('\u{1b}'));
    assert!(!forced(&["list", "--color", "never"]).contains('\u{1b}'));
    assert!(forced(&["list", "--color", "auto"]).contains('\u{1b}'));
}

#[test]
fn help_fits_a_narrow_terminal_and_names_what_is_global() {
    let fixture = Fixture::new();
    let commands = [
        "list",
        "ls",
        "show",
        "tail",
        "top",
        "event",
        "events",
        "errors",
        "stats",
        "digest",
        "export",
        "serve",
        "import",
        "mcp",
        "prune",
        "retention",
        "erase",
        "backup",
        "rebuild",
        "recording",
        "doctor",
        "completions",
        "man",
        "host",
        "token",
        "webhooks",
    ];
    for command in commands {
        let output = fixture
            .command(&[command, "--help"])
            .env("COLUMNS", "80")
            .output();
        let help = CommandResult::new(&output.unwrap()).stdout;
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        let own = help.find("\nOptions:").unwrap_or(0);
        let global = help
            .find("\nGlobal options:")
            .unwrap_or_else(|| panic!("{help}"));
        for option in ["--store", "--color"] {
            let at = help
                .find(&format!("      {option} "))
                .unwrap_or_else(|| panic!("{help}"));
            assert!(at > global && at > own, "{command}: {option}");
        }
    }
}

#[test]
fn the_usage_after_an_error_names_what_is_needed() {
    let fixture = Fixture::with_calls();
    let output = fixture
        .command(&["prune"])
        .env("ACTIVITY_STORE", "activity.db")
        .output();
    let ran = CommandResult::new(&output.unwrap());
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("--older-than <AGE>|--larger-than <SIZE>"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("--store"), "{}", ran.stderr);
}

#[test]
fn the_fields_in_the_help_are_those_that_there_are() {
    let fixture = Fixture::with_calls();
    for command in ["list", "events"] {
        let ran = fixture.run(&[command, "--fields", "?"]);
        let all = ran.stderr.split(": use ").nth(1).unwrap().trim_end();
        let help = fixture.run(&[command, "--help"]).stdout;
        let help = help.split("\nFields:\n").nth(1).unwrap();
        let mut shown: Vec<_> = help
            .split([',', ' ', '\n'])
            .filter(|word| !word.is_empty())
            .collect();
        shown.sort_unstable();
        let mut real: Vec<_> = all
            .split([',', ' '])
            .filter(|word| !word.is_empty() && *word != "or")
            .collect();
        real.sort_unstable();
        assert_eq!(shown, real, "{command}");
    }
}
