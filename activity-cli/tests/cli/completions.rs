//! Completions, asked as the shells ask for them.

use std::process::Command;

use tower_activity::{Describe, Outcome};

use crate::fixture::{CommandResult, Fixture};

/// Completes a line in bash, which splits words at colons. Returns what stands after the last separator.
fn in_bash(fixture: &Fixture, line: &str) -> Vec<String> {
    let script = fixture.run(&["completions", "bash"]).stdout;
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_activity"))
        .parent()
        .unwrap();
    // The words as readline has them, and the one at the cursor as its second argument.
    let ask = r#"
        PATH=$FOLDER:$PATH
        COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_WORDS=() word=
        for ((i = 0; i < ${#LINE}; i++)); do
            c=${LINE:i:1}
            case $c in
                [:=]) [[ -n $word ]] && COMP_WORDS+=("$word"); COMP_WORDS+=("$c"); word= ;;
                ' ') [[ -n $word ]] && COMP_WORDS+=("$word"); word= ;;
                *) word+=$c ;;
            esac
        done
        last=${LINE: -1}
        if [[ -n $word || $last == ' ' ]]; then COMP_WORDS+=("$word"); fi
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _activity activity "$word" ''
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{ask}")])
        .env("LINE", line)
        .env("FOLDER", folder)
        .env("ACTIVITY_STORE", fixture.path())
        .output();
    let ran = CommandResult::new(&output.unwrap());
    assert_eq!(ran.stderr, "", "{line}");
    let lines = ran.stdout.lines().map(str::to_owned);
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_commands_fields_and_values() {
    let fixture = Fixture::with_calls();
    let check = |line: &str, expected: &[&str]| {
        assert_eq!(in_bash(&fixture, line), expected, "{line}");
    };
    check("activity retent", &["retention"]);
    check("activity list stat", &["status:"]);
    check("activity list status:f", &["failed"]);
    check(
        "activity list status:",
        &[
            "running",
            "success",
            "failed",
            "cancelled",
            "skipped",
            "abandoned",
        ],
    );
    check("activity list status:failed kind:t", &["tool", "turn"]);
    check("activity list --fields id,nam", &["id,name"]);
    check("activity list --sort d", &["duration"]);
    check("activity --store=activity.db events ty", &["type:"]);
    check("activity stats --by br", &["brand"]);
    // What the store has.
    check("activity list project:", &["acme"]);
    check("activity list name:net", &["netflix_login"]);
    check("activity stats --name amaz", &["amazon_search"]);
}

#[test]
fn ids_are_completed_with_the_newest_activities() {
    let fixture = Fixture::with_calls();
    let ids = in_bash(&fixture, "activity show 0");
    assert_eq!(ids.len(), 4, "{ids:?}");
    for id in &ids {
        assert_eq!(fixture.run(&["show", id]).code, Some(0));
    }
}

#[test]
fn a_completion_never_fails() {
    let fixture = Fixture::new();
    let none: [&str; 0] = [];
    assert_eq!(in_bash(&fixture, "activity list project:"), none);
    assert_eq!(in_bash(&fixture, "activity show 0"), none);
    let log = fixture.log();
    // A shell or the grammar would take these apart.
    for name in ["a b", "$(reboot)", "a*", "--help", ""] {
        log.start(Describe::tool("call").project(name))
            .end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    assert_eq!(in_bash(&fixture, "activity list project:"), none);
}

#[test]
fn every_shell_has_a_script() {
    let fixture = Fixture::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = fixture.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(
            ran.stdout.contains("ACTIVITY_COMPLETE"),
            "{shell}: {}",
            ran.stdout
        );
    }
}
