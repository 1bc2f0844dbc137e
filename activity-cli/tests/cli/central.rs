//! Every command at the address of a central store: it works, or says what does it instead.

use std::fs;

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::{
    fixture::{CommandResult, Fixture},
    postgres,
    serve::Server,
};

/// A file with six calls of two projects, and the central store that it was forwarded to.
struct Central {
    fixture: Fixture,
    url: String,
}

impl Central {
    fn new() -> Self {
        let fixture = Fixture::with_calls();
        let url = postgres::database();
        let central = Central { fixture, url };
        central.forward();
        central
    }

    fn forward(&self) {
        let ran = self.fixture.run(&["forward", "--to", &self.url, "--once"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }

    /// Runs a command at the address.
    fn run(&self, args: &[&str]) -> CommandResult {
        self.fixture.run(&[args, &["--store", &self.url]].concat())
    }

    /// The same, which succeeds. Returns what it prints.
    fn prints(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.stdout
    }
}

#[test]
fn what_needs_a_file_says_what_does_it_instead() {
    let central = Central::new();
    for (args, instead) in [
        (&["backup", "b.db"][..], "pg_dump"),
        (&["import", "x.jsonl"], "import into a file"),
        (
            &["event", "deployment", "v1"],
            "into a file that is forwarded",
        ),
        (
            &["forward", "--to", "postgres://h/x"],
            "files are forwarded to it",
        ),
        (
            &["retention", "--previews", "7d"],
            "keeps previews as long as their activities",
        ),
        (&["retention", "--recordings", "1GB"], "by age only"),
    ] {
        let ran = central.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}");
        assert!(ran.stderr.contains(instead), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains(postgres::PASSWORD), "{}", ran.stderr);
    }
}

#[test]
fn limits_are_set_and_shown() {
    let central = Central::new();
    assert!(!central.prints(&["retention"]).contains("30d"));
    let set = ["retention", "--activities", "90d", "--events", "30d/10GB"];
    let shown = central.prints(&set);
    assert!(
        shown.contains("90d") && shown.contains("30d/10GB"),
        "{shown}"
    );
    assert_eq!(central.prints(&["retention"]), shown);
    let pruned = central.prints(&["prune", "--older-than", "90d"]);
    assert_eq!(pruned, "deleted 0 activities, 0 events\n");
}

#[test]
fn an_actor_is_erased() {
    let central = Central::new();
    let erased = central.prints(&["erase", "--actor", "Ann B"]);
    assert!(erased.starts_with("erased the content of"), "{erased}");
    // From the file it is forwarded again.
    let again = ["forward", "--to", &central.url, "--once", "--again"];
    assert_eq!(central.fixture.run(&again).code, Some(0));
    assert_eq!(central.prints(&["list", "actor:\"Ann B\"", "--json"]), "");
}

#[test]
fn statistics_are_recomputed_and_doctor_sees_what_differs() {
    let central = Central::new();
    let stats = central.prints(&["stats", "--by", "name"]);
    let doctor = central.prints(&["doctor"]);
    for expected in [
        "all that was forwarded",
        "7 days ahead",
        "every activity and event is accounted for",
    ] {
        assert!(doctor.contains(expected), "{expected}: {doctor}");
    }
    postgres::query(
        &central.url,
        "UPDATE tower_activity.bucket SET count = count + 1",
    );
    let ran = central.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("`activity rebuild` recomputes them"),
        "{}",
        ran.stdout
    );
    let rebuilt = central.prints(&["rebuild"]);
    assert_eq!(rebuilt, "recomputed the statistics of 1 hour\n");
    assert_eq!(central.prints(&["stats", "--by", "name"]), stats);
    central.prints(&["doctor"]);

    postgres::query(
        &central.url,
        "DELETE FROM tower_activity.activity WHERE id = (SELECT min(id::text)::uuid FROM tower_activity.activity)",
    );
    let ran = central.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("1 of 6 activities is missing"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("activity forward --to URL --again"),
        "{}",
        ran.stdout
    );
    let json: Value = serde_json::from_str(&central.run(&["doctor", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["ok"], &json["compared"]),
        (&false.into(), &true.into())
    );
    assert_eq!(json["check"]["total"]["activities"]["missing"], 1);
    // It is there again under another batch, and that of the first is known to lack it.
    let accepted = central.prints(&["doctor", "--accept"]);
    assert!(accepted.contains("accounted for"), "{accepted}");
    // As with a file, what was accepted is not forgotten.
    assert!(accepted.contains(": 1 activity rows missing"), "{accepted}");
    postgres::query(&central.url, "DELETE FROM tower_activity.batch");
    let ran = central.run(&["doctor"]);
    let missing = "1 accepted batch is missing, and the records in it are not compared";
    assert!(
        ran.code == Some(1) && ran.stdout.contains(missing),
        "{}",
        ran.stdout
    );
    let stray = "5 records are in no batch, or outside the ids of theirs";
    assert!(ran.stdout.contains(stray), "{}", ran.stdout);
    let accepted = central.prints(&["doctor", "--accept"]);
    for expected in [
        "accepted: 1 batch missing\n",
        "accepted: 5 records are in no batch, and not compared",
        "every activity and event is accounted for, except those of 1 accepted batch\n",
    ] {
        assert!(accepted.contains(expected), "{expected}: {accepted}");
    }
}

#[test]
fn batches_of_an_unknown_log_are_surplus() {
    let central = Central::new();
    postgres::query(&central.url, "DELETE FROM tower_activity.log");
    let ran = central.run(&["doctor"]);
    let surplus = "a log whose row was deleted: 1 batch is surplus";
    assert!(
        ran.code == Some(1) && ran.stdout.contains(surplus),
        "{}",
        ran.stdout
    );
    let accepted = central.prints(&["doctor", "--accept"]);
    assert!(accepted.contains("accepted: 1 batch surplus"), "{accepted}");
    assert!(accepted.contains("accounted for\n"), "{accepted}");
}

#[test]
fn a_schema_of_another_layout_is_not_taken_for_an_empty_database() {
    let central = Central::new();
    postgres::query(&central.url, "DROP FUNCTION tower_activity.begin_fold");
    let log = central.fixture.log();
    log.start(Describe::tool("more")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    let forward = ["forward", "--to", &central.url, "--once"];
    let ran = central.fixture.run(&forward);
    let expected =
        "the schema of the database lacks a function that this version of tower-activity needs";
    assert!(
        ran.code == Some(1) && ran.stderr.contains(expected),
        "{}",
        ran.stderr
    );
}

#[test]
fn tokens_of_the_store_are_accepted_by_every_server() {
    let central = Central::new();
    let create = ["token", "create", "acme", "--filter", "project:acme"];
    let secret = central.prints(&create);
    let header = format!("authorization: Bearer {}\r\n", secret.trim());
    let servers = [1, 2].map(|_| Server::new(&central.fixture, &["--store", &central.url]));
    for server in &servers {
        let shown = server.answer("/api/activities", &header);
        assert!(shown.starts_with("HTTP/1.1 200 OK\r\n"), "{shown}");
        assert!(
            shown.contains("amazon_search") && !shown.contains("POST /mcp"),
            "{shown}"
        );
    }
    assert!(central.prints(&["token", "list"]).contains("project:acme"));
    central.prints(&["token", "revoke", "acme"]);
    for server in &servers {
        let refused = server.answer("/api/activities", &header);
        assert!(
            refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
            "{refused}"
        );
    }
}

#[test]
fn an_export_can_be_imported_into_a_file() {
    let central = Central::new();
    let exported = central.prints(&["export", "--format", "jsonl"]);
    let fixture = Fixture::new();
    fixture.log().shutdown().wait().unwrap();
    fs::write(fixture.folder.path().join("x.jsonl"), exported).unwrap();
    let imported = fixture.run(&["import", "x.jsonl"]).stdout;
    assert_eq!(imported, "imported 6 activities and 0 events\n");
    let log = fixture.log();
    log.start(Describe::tool("more")).end(Outcome::success());
    log.shutdown().wait().unwrap();
    let ran = fixture.run(&["forward", "--to", &central.url, "--once"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // Each is there once.
    let listed = central.prints(&["list", "--all", "--json", "--limit", "100"]);
    assert_eq!(listed.lines().count(), 7);
}
