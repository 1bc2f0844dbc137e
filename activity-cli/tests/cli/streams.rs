//! A command whose stdout or stderr is full or closed ends as it otherwise would, and never panics.

use std::{
    fs::{File, OpenOptions},
    process::{Command, Stdio},
};

use crate::fixture::{CommandResult, Fixture};

/// Commands that end by themselves, in an order in which each can run.
const COMMANDS: &[&[&str]] = &[
    &["list"],
    &["list", "--json"],
    &["list", "name:nothing"],
    &["list", "status:nothing"],
    &["--store", "other.db", "list"],
    &["show", "@"],
    &["show", "@", "--json"],
    &["show", "zzz"],
    &["top", "--once"],
    &["top", "--json"],
    &["events"],
    &["events", "--json"],
    &["event", "deployment", "v3"],
    &["event", "deployment", "v3", "--json"],
    &["errors"],
    &["errors", "--json"],
    &["errors", "name:nothing"],
    &["stats"],
    &["stats", "--json"],
    &["stats", "--by", "name", "--limit", "1"],
    &["stats", "--by", "type", "--at", "2020-01-01"],
    &["digest"],
    &["digest", "--json"],
    &["export"],
    &["export", "-o", "activities.jsonl"],
    &["import", "activities.jsonl"],
    &["recording", "@"],
    &["serve", "--listen", "nowhere"],
    &["mcp"],
    &["mcp-config"],
    &["mcp-config", "files"],
    &["mcp-config", "files", "--json"],
    &["mcp-config", "none"],
    &["proxy", "--", "no-such-program"],
    &["proxy", "cat"],
    &[
        "proxy",
        "--to",
        "http://127.0.0.1:1/",
        "--listen",
        "nowhere",
    ],
    &["host", "status", "."],
    &["token", "list"],
    &["token", "create", "--help"],
    &["webhooks", "list"],
    &["webhooks", "dead"],
    &[
        "webhooks",
        "add",
        "hook",
        "https://a:b@example.com/",
        "--events",
    ],
    &["webhooks", "remove", "hook"],
    &["retention"],
    &["retention", "--activities", "1h"],
    &["prune", "--older-than", "1h", "--dry-run"],
    &["erase", "--actor", "ann", "--dry-run"],
    &["rebuild"],
    &["backup", "copy.db"],
    &["doctor"],
    &["doctor", "--json"],
    &["completions", "bash"],
    &["completions", "fish"],
    &["man", "pages"],
    &["--help"],
    &["proxy", "--help"],
    &["--version"],
    &["nonsense"],
];

/// A store and a configuration, and what is removed between two runs of one command.
fn fixture() -> Fixture {
    let fixture = Fixture::with_calls();
    let config = r#"{"mcpServers": {"files": {"command": "npx"}}}"#;
    std::fs::write(fixture.folder.path().join(".mcp.json"), config).unwrap();
    fixture
}

fn command(fixture: &Fixture, args: &[&str]) -> Command {
    let _ = std::fs::remove_file(fixture.folder.path().join("copy.db"));
    let _ = std::fs::remove_file(fixture.folder.path().join("activities.jsonl"));
    if args[0] == "import" {
        fixture.run(&["export", "-o", "activities.jsonl"]);
    }
    if args.starts_with(&["webhooks", "remove"]) {
        fixture.run(&["webhooks", "add", "hook", "https://example.com/"]);
    } else {
        fixture.run(&["webhooks", "remove", "hook"]);
    }
    let mut command = fixture.command(args);
    command.stdin(Stdio::null());
    command.env("HOME", fixture.folder.path());
    command
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME");
    command
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_full_stderr_changes_neither_the_output_nor_the_exit_code() {
    let fixture = fixture();
    for args in COMMANDS {
        let normal = CommandResult::new(&command(&fixture, args).output().unwrap());
        let full = command(&fixture, args).stderr(full()).output().unwrap();
        let full = CommandResult::new(&full);
        assert_eq!(full.code, normal.code, "{args:?} {}", normal.stderr);
        // Ids, times and durations differ.
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&full.stdout), lines(&normal.stdout), "{args:?}");
    }
}

#[test]
fn a_full_stdout_is_an_error_and_a_closed_one_is_none() {
    let fixture = fixture();
    for args in COMMANDS {
        let normal = CommandResult::new(&command(&fixture, args).output().unwrap());
        let full = command(&fixture, args).stdout(full()).output().unwrap();
        let full = CommandResult::new(&full);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = command(&fixture, args).stdout(writer).output().unwrap();
        let closed = CommandResult::new(&closed);
        if normal.stdout.is_empty() {
            assert_eq!(full.code, normal.code, "{args:?} {}", full.stderr);
        } else {
            assert_eq!(full.code, Some(1), "{args:?} {}", full.stderr);
            assert!(
                full.stderr.contains("No space left"),
                "{args:?} {}",
                full.stderr
            );
        }
        let expected = normal.code.filter(|_| normal.stdout.is_empty());
        assert_eq!(
            closed.code,
            expected.or(Some(0)),
            "{args:?} {}",
            closed.stderr
        );
        assert!(
            !closed.stderr.contains("panicked"),
            "{args:?} {}",
            closed.stderr
        );
    }
}
