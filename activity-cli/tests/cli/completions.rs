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

#[cfg(target_os = "linux")]
/// The folder of the command, first in the search path.
fn path() -> String {
    let command = std::path::Path::new(env!("CARGO_BIN_EXE_activity"));
    let folder = command.parent().unwrap().display();
    format!("{folder}:{}", std::env::var("PATH").unwrap())
}

#[cfg(target_os = "linux")]
/// Completes a line in an interactive zsh, and returns the line after the tab key.
fn in_zsh(fixture: &Fixture, line: &str) -> String {
    let script = fixture.run(&["completions", "zsh"]).stdout;
    std::fs::write(fixture.folder.path().join("_activity"), script).unwrap();
    // The line is reported by a key, after the answer to the tab.
    let ask = r#"
        zmodload zsh/zpty
        zpty shell "zsh -f -i"
        zpty -w shell 'unsetopt zle_bracketed_paste; PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D'
        zpty -w shell 'report() { print -r -- "<<$BUFFER>>"; }; zle -N report; bindkey "^X" report; print rea""dy'
        zpty -r shell answer $'*ready\r\n*'
        zpty -w -n shell "$LINE"$'\t'$'\x18'
        zpty -r shell answer '*<<*>>*'
        answer=${answer##*<<}
        print -r -- "${answer%%>>*}"
        zpty -d shell
    "#;
    let output = fixture
        .program("zsh")
        .args(["-f", "-c", ask])
        .env("LINE", line)
        .env("PATH", path())
        .env("HOME", fixture.folder.path())
        .env("ACTIVITY_STORE", fixture.path())
        .output();
    let ran = CommandResult::new(&output.unwrap());
    assert_eq!(ran.stderr, "", "{line}");
    ran.stdout.trim_end_matches('\n').to_owned()
}

#[cfg(target_os = "linux")]
/// Completes a line in fish, and returns the words that it offers.
fn in_fish(fixture: &Fixture, line: &str) -> Vec<String> {
    let script = fixture.run(&["completions", "fish"]).stdout;
    let output = fixture
        .program("fish")
        .args([
            "--no-config",
            "--command",
            &format!("{script}\ncomplete --do-complete $LINE"),
        ])
        .env("LINE", line)
        .env("PATH", path())
        .env("HOME", fixture.folder.path())
        .env("ACTIVITY_STORE", fixture.path())
        .output();
    let ran = CommandResult::new(&output.unwrap());
    assert_eq!(ran.stderr, "", "{line}");
    // A description follows a tab.
    let words = ran.stdout.lines().map(|line| line.split('\t').next());
    words.flatten().map(str::to_owned).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn zsh_completes_commands_fields_and_values() {
    let fixture = Fixture::with_calls();
    fixture.run(&["token", "create", "reader"]);
    let check = |line: &str, expected: &str| {
        assert_eq!(in_zsh(&fixture, line), expected, "{line}");
    };
    check("activity retent", "activity retention ");
    // A value follows, or another word.
    check("activity list stat", "activity list status:");
    check("activity list status:f", "activity list status:failed ");
    check(
        "activity list kind:tool -env",
        "activity list kind:tool -environment:",
    );
    check(
        "activity list --fields id,nam",
        "activity list --fields id,name ",
    );
    check("activity list project:", "activity list project:acme ");
    check(
        "activity list name:net",
        "activity list name:netflix_login ",
    );
    check("activity token revoke r", "activity token revoke reader ");
}

#[test]
#[cfg(target_os = "linux")]
fn fish_completes_commands_fields_and_values() {
    let fixture = Fixture::with_calls();
    fixture.run(&["token", "create", "reader"]);
    let check = |line: &str, expected: &[&str]| {
        assert_eq!(in_fish(&fixture, line), expected, "{line}");
    };
    check("activity retent", &["retention"]);
    check("activity list stat", &["status:"]);
    check("activity list status:f", &["status:failed"]);
    check("activity list --fields id,nam", &["id,name"]);
    check("activity list project:", &["project:acme"]);
    check("activity stats --name amaz", &["amazon_search"]);
    check("activity token revoke r", &["reader"]);
    assert_eq!(in_fish(&fixture, "activity show 0").len(), 4);
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
    // Fields of the records that the command lists.
    check("activity list --fields su", &[]);
    check("activity list --fields dat", &[]);
    check("activity events --fields su", &["summary"]);
    check("activity events --fields dur", &[]);
    check("activity --store=activity.db events ty", &["type:"]);
    check("activity stats --by br", &["brand"]);
    // What the store has.
    check("activity list project:", &["acme"]);
    check("activity list name:net", &["netflix_login"]);
    check("activity stats --name amaz", &["amazon_search"]);
    fixture.run(&["token", "create", "reader"]);
    fixture.run(&["event", "deployment", "v3"]);
    fixture.run(&["webhooks", "add", "alerts", "https://hooks.example/"]);
    check("activity token revoke r", &["reader"]);
    check("activity token create x --filter stat", &["status:"]);
    check("activity webhooks remove a", &["alerts"]);
    check(
        "activity webhooks add x https://x.example stat",
        &["status:"],
    );
    check("activity event dep", &["deployment"]);
    check("activity event x y --project a", &["acme"]);
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
