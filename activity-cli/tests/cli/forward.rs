//! `activity forward`.

use std::{
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    fixture::{Fixture, until},
    postgres,
};

/// A mistyped address keeps nothing back.
#[test]
fn a_target_counts_once_it_was_reached() {
    let fixture = Fixture::with_calls();
    let doctor = || fixture.run(&["doctor"]).stdout;
    let wrong = "postgres://postgres@127.0.0.1:9/typo";
    let url = postgres::database();
    let absent = format!("{url}_absent");
    for target in [wrong, &absent] {
        let ran = fixture.run(&["forward", "--to", target, "--once"]);
        assert_eq!(ran.code, Some(1));
    }
    assert!(!doctor().contains("forward"), "{}", doctor());
    let prune = |more: &[&str]| {
        let prune = ["prune", "--older-than", "0s", "--what", "activities"];
        fixture.run(&[&prune, more].concat()).stdout
    };
    let prunable = prune(&["--dry-run"]);
    assert!(!prunable.contains("delete 0 activities"), "{prunable}");

    // One that is followed is waited for: it may be away.
    let mut follow = Running::start(fixture.command(&["forward", "--to", wrong]));
    assert!(follow.next().contains("next try in"));
    assert!(prune(&[]).contains("deleted 0 activities"));
    drop(follow);
    let expected = format!(
        "its records are kept until they are forwarded; if the address is wrong: `activity forward --to {} --forget`",
        "postgres://127.0.0.1:9/typo"
    );
    assert!(doctor().contains(&expected), "{}", doctor());
    let ran = fixture.run(&["forward", "--to", wrong, "--forget"]);
    assert_eq!(
        (ran.code, &*ran.stdout),
        (Some(0), "forgot postgres://127.0.0.1:9/typo\n")
    );
    assert!(!doctor().contains(":9/typo"));
    let ran = fixture.run(&["forward", "--to", wrong, "--forget"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!prune(&[]).contains("deleted 0 activities"));
}

/// An error of an earlier process is not shown after a success.
#[test]
fn an_error_of_a_target_is_cleared() {
    let fixture = Fixture::with_calls();
    let doctor = || fixture.run(&["doctor"]).stdout;
    let url = postgres::database();
    let once = |url: &str| fixture.run(&["forward", "--to", url, "--once"]).code;
    assert_eq!(once(&url), Some(0));
    let refused = url
        .replace("postgres:", "intruder:")
        .replacen("intruder:", "postgres:", 1);
    assert_eq!(once(&refused), Some(1));
    assert!(doctor().contains("cannot forward"));
    assert_eq!(once(&url), Some(0));
    assert!(!doctor().contains("cannot forward"), "{}", doctor());
}

/// Each form of address is printed as one of the same database.
#[test]
fn a_target_is_forgotten_by_the_address_that_is_printed() {
    let fixture = Fixture::with_calls();
    for (written, printed) in [
        ("postgres://u@[::1]:9/typo", "postgres://[::1]:9/typo"),
        (
            "postgres://u@%2Fnowhere%2Fsocket/typo",
            "postgres://%2Fnowhere%2Fsocket:5432/typo",
        ),
        (
            "postgres:///a%20b%2Fc?host=/nowhere&port=9&user=u",
            "postgres://%2Fnowhere:9/a%20b%2Fc",
        ),
        (
            "postgres://u@127.0.0.1:9,[::1]:8/typo",
            "postgres://127.0.0.1:9,[::1]:8/typo",
        ),
        (
            "postgres:///typo?hostaddr=127.0.0.1&port=9&user=u",
            "postgres://127.0.0.1:9/typo",
        ),
    ] {
        let mut follow = Running::start(fixture.command(&["forward", "--to", written]));
        let said = follow.next();
        assert!(said.contains(printed), "{written}: {said}");
        drop(follow);
        assert!(
            fixture.run(&["doctor"]).stdout.contains(printed),
            "{written}"
        );
        let ran = fixture.run(&["forward", "--to", printed, "--forget"]);
        let forgot = format!("forgot {printed}\n");
        assert_eq!((ran.code, ran.stdout), (Some(0), forgot), "{written}");
        assert!(
            !fixture.run(&["doctor"]).stdout.contains(printed),
            "{written}"
        );
    }
}

#[test]
fn what_is_wrong_with_an_address_is_said() {
    let fixture = Fixture::with_calls();
    for (url, expected) in [
        (
            "postgres://u@h/x?sslmod=disable",
            "unknown parameter \"sslmod\"",
        ),
        ("postgres://u@h/x?sslmod=disable", "did you mean sslmode?"),
        ("postgres://u@h/x?Host=h", "did you mean host?"),
        ("postgres://u@h/x?frobnicate=1", "known: application_name, "),
        ("postgres://u@h/x?sslmode", "has no value"),
        (
            "postgres://u@h:99999/x",
            "the port \"99999\" in the address of the PostgreSQL database is not valid: write a number from 1 to 65535",
        ),
        (
            "postgres://u@[::1]:x/c",
            "the port in the address of the PostgreSQL database is not valid",
        ),
        ("postgres://u@h:0/c", "the port \"0\""),
        ("postgres://u@h/c?port=1,70000", "port \"1,70000\""),
        (
            "postgres://u@h/x?sslmode=maybe",
            "sslmode \"maybe\" in the address of the PostgreSQL database is not valid: write verify-full, require or disable",
        ),
        (
            "postgres://u@h/x?connect_timeout=9223372036854775807",
            "connect_timeout \"9223372036854775807\"",
        ),
        (
            "postgres://u@h/x?tcp_user_timeout=-1",
            "write a number of seconds from 0 to 86400",
        ),
        (
            "postgres://u@h/x?keepalives_idle=1s",
            "keepalives_idle \"1s\"",
        ),
        (
            "postgres://u@h/x?target_session_attrs=primary",
            "write any, read-write, read-only",
        ),
        (
            "postgres://u@h/x?channel_binding=no",
            "write disable, prefer, require",
        ),
    ] {
        for args in [["forward", "--to"], ["list", "--store"]] {
            let ran = fixture.run(&[&args[..], &[url]].concat());
            assert!(
                ran.code == Some(2) && ran.stderr.contains(expected),
                "{url}: {ran:?}"
            );
        }
    }
    let server = postgres::Server::start_secure(&postgres::programs());
    let url = server
        .url("postgres")
        .replace(&format!(":{}", postgres::PASSWORD), "");
    let ran = fixture.run(&["list", "--store", &(url + "?sslmode=require")]);
    for expected in [
        "asks for a password",
        "PGPASSWORD",
        "~/.pgpass",
        "PGPASSFILE",
    ] {
        assert!(
            ran.code == Some(1) && ran.stderr.contains(expected),
            "{ran:?}"
        );
    }
}

/// What a central store has deleted by its own limits is not missing.
#[test]
fn a_store_is_verified_after_its_target_has_deleted_days() {
    let fixture = Fixture::with_calls();
    let old = r#"{"id":"01900000-0000-7000-8000-000000000001","name":"old","kind":"tool","started_at":"2024-06-09T00:00:00Z","status":"success","duration_ns":1}"#;
    std::fs::write(fixture.folder.path().join("old.jsonl"), old).unwrap();
    let ran = fixture.run(&["import", "old.jsonl"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let url = postgres::database();
    let once = || fixture.run(&["forward", "--to", &url, "--once"]);
    let ran = once();
    assert!(
        ran.code == Some(0) && ran.stdout.contains("it has 7 of 7"),
        "{ran:?}"
    );
    let ran = fixture.run(&["prune", "--older-than", "30d", "--store", &url]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = once();
    assert!(
        ran.code == Some(0) && ran.stdout.contains("it has 6 of 7"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("1 activity is of days"), "{ran:?}");
}

#[test]
fn a_store_is_forwarded_once_and_verified() {
    let fixture = Fixture::with_calls();
    let url = postgres::database();
    let target = without_user(&url);
    let forward = |more: &[&str]| {
        let args = [&["forward", "--to", &url, "--once"], more].concat();
        fixture.run(&args)
    };
    let ran = forward(&[]);
    let expected = format!("forwarded 6 records to {target}; it has 6 of 6 activities\n");
    assert_eq!(
        (ran.code, ran.stdout),
        (Some(0), expected),
        "{}",
        ran.stderr
    );
    let ran = forward(&["--json"]);
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    let expected =
        json!({"target": target, "forwarded": 0, "activities": 6, "missing": 0, "deleted": 0});
    assert_eq!((ran.code, printed), (Some(0), expected));

    for reading in [&["list"][..], &["stats"], &["errors"], &["events"]] {
        // Ages grow meanwhile.
        let before = fixture.run(reading).stdout;
        let central = fixture.run(&[reading, &["--store", &url]].concat());
        let after = fixture.run(reading).stdout;
        assert_eq!(central.code, Some(0), "{reading:?}: {}", central.stderr);
        assert!(
            [&before, &after].contains(&&central.stdout),
            "{reading:?}: {before}{}",
            central.stdout
        );
    }
    let ran = fixture.run(&["doctor", "--store", &url]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("6 ended") && !ran.stdout.contains(postgres::PASSWORD),
        "{}",
        ran.stdout
    );
    // What is on the screen may be seen by others, and is copied into reports.
    let add = ["webhooks", "add", "hook", "https://example.com/"];
    for command in [
        &["top", "--once"][..],
        &["top", "--json"],
        &["stats", "--by", "name"],
        &["digest"],
        &add,
        &["webhooks", "list"],
        &["webhooks", "dead"],
    ] {
        let ran = fixture.run(&[command, &["--store", &url]].concat());
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains(postgres::PASSWORD), "{}", ran.stdout);
    }
    let ran = fixture.run(&["event", "deployment", "v1", "--store", &url]);
    assert_eq!(ran.code, Some(2));

    // The central store loses rows, as one does that is restored from a backup.
    postgres::query(&url, "DELETE FROM tower_activity.activity");
    let ran = forward(&[]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("does not have 6 activities"),
        "{}",
        ran.stderr
    );
    let ran = forward(&["--again", "--since", "1d"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // The first batch is counted, too.
    assert!(
        ran.stdout.starts_with("forwarded 6 records"),
        "{}",
        ran.stdout
    );

    let ran = fixture.run(&["doctor"]);
    assert!(
        ran.stdout.contains(&format!("to {target}, nothing waits")),
        "{}",
        ran.stdout
    );
}

/// Names the database as the command does.
fn without_user(url: &str) -> String {
    format!("postgres://{}", url.rsplit('@').next().unwrap())
}

#[test]
fn what_cannot_be_forwarded_says_why() {
    let fixture = Fixture::with_calls();
    let ran = fixture.run(&["forward", "--to", "mysql://h/x"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("only postgres:// and clickhouse:// are supported"),
        "{}",
        ran.stderr
    );
    let away = "postgres://u:hunter2@127.0.0.1:9/x";
    let ran = fixture.run(&["forward", "--once", "--to", away]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr
            .contains("in the list of processes: use the variable PGPASSWORD"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let ran = Fixture::new().run(&["forward", "--to", away]);
    assert!(
        ran.code == Some(1) && ran.stderr.contains("no store at"),
        "{}",
        ran.stderr
    );
}

/// A command that runs until it is dropped, and what it prints on stderr.
struct Running {
    child: Child,
    messages: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Starts it, and waits until it says that it works.
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let messages = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut running = Running { child, messages };
        // Before that it warns of the password in its arguments.
        while !running.next().contains("until ctrl-c") {}
        running
    }

    fn next(&mut self) -> String {
        self.messages.next().unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn what_follows_a_database_tells_once_when_it_is_away_and_once_when_it_is_back() {
    let server = postgres::server();
    let url = server.database();
    let fixture = Fixture::with_calls();
    let once = fixture.run(&["forward", "--to", &url, "--once"]);
    assert_eq!(once.code, Some(0), "{once:?}");
    let target = format!("{url}?connect_timeout=1&tcp_user_timeout=1");
    let mut forward = Running::start(fixture.command(&["forward", "--to", &target]));
    let mut webhooks = Running::start(fixture.command(&["--store", &target, "webhooks", "run"]));
    // The one that runs would make it known again.
    let ran = fixture.run(&["forward", "--to", &target, "--forget"]);
    assert!(
        ran.stderr.contains("another process forwards this file"),
        "{ran:?}"
    );
    // Twice: nothing else is printed in between.
    for round in 0..2 {
        server.stop("immediate");
        for running in [&mut forward, &mut webhooks] {
            let message = running.next();
            let parts = ["warning: ", " fails, next try in ", "127.0.0.1", " · "];
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
            assert!(!message.contains(postgres::PASSWORD), "{message}");
        }
        let ran = fixture.run(&["event", "deployment", &format!("v{round} live")]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        server.start_again();
        let message = forward.next();
        assert!(message.contains("works again after"), "{message}");
        assert!(message.ends_with(" · 1 record waited"), "{message}");
        let message = webhooks.next();
        assert!(message.contains("works again after"), "{message}");
        until(|| {
            let events = fixture.run(&["--store", &url, "events"]).stdout;
            events.contains(&format!("v{round} live")).then_some(())
        });
    }
}

/// A log of messages on a full disk.
#[test]
#[cfg(target_os = "linux")]
fn forwarding_goes_on_if_its_messages_cannot_be_written() {
    let fixture = Fixture::with_calls();
    let target = "postgres://u:hunter2@127.0.0.1:9/x";
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut forward = fixture.command(&["forward", "--to", target]);
    let mut forward = forward.stderr(full).spawn().unwrap();
    until(|| {
        let doctor = fixture.run(&["doctor"]).stdout;
        doctor.contains("cannot forward to").then_some(())
    });
    assert_eq!(forward.try_wait().unwrap(), None);
    forward.kill().unwrap();
    forward.wait().unwrap();
}
