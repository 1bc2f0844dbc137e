//! `activity token`: tokens are shown once, and limit what a server shows until they are revoked.

use std::fs;

use serde_json::Value;
use tower_activity::{Describe, Outcome};

use crate::{fixture::Fixture, postgres, serve::Server};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let log = fixture.log();
    for project in ["acme", "apex"] {
        log.start(Describe::tool("call").project(project))
            .end(Outcome::success());
    }
    log.shutdown().wait().unwrap();
    fixture
}

/// A variable of a script that is not set.
#[test]
fn a_blank_name_is_refused() {
    let fixture = fixture();
    let url = postgres::database();
    let ran = fixture.run(&["forward", "--to", &url, "--once"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for store in ["activity.db", &url] {
        for (args, expected) in [
            (&["token", "create", ""][..], "is not the name of a token"),
            (&["token", "create", " \t"], "is not the name of a token"),
            (&["token", "create", "a\nb"], "is not the name of a token"),
            (
                &["webhooks", "add", "", "https://example.com/"],
                "is not the name of a webhook",
            ),
            (
                &["webhooks", "add", " ", "https://example.com/"],
                "is not the name of a webhook",
            ),
            (&["erase", "--actor", ""], "it is blank"),
            (&["erase", "--actor", "  ", "--dry-run"], "it is blank"),
        ] {
            let ran = fixture.run(&[args, &["--store", store]].concat());
            assert!(
                ran.code == Some(2) && ran.stderr.contains(expected),
                "{args:?}: {ran:?}"
            );
        }
        let listed = fixture.run(&["token", "list", "--json", "--store", store]);
        assert_eq!(listed.stdout, "");
    }
}

fn bearer(secret: &str) -> String {
    format!("authorization: Bearer {secret}\r\n")
}

#[test]
fn a_token_limits_what_a_server_shows_until_it_is_revoked() {
    let fixture = fixture();
    let server = Server::new(&fixture, &[]);
    let create = ["token", "create", "acme", "--filter", "project:acme"];
    let created = fixture.run(&[&create[..], &["--expires", "30d"]].concat());
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    let secret = created.stdout.trim();
    let shown = server.answer("/api/activities", &bearer(secret));
    assert!(shown.starts_with("HTTP/1.1 200 OK\r\n"), "{shown}");
    assert!(
        shown.contains("\"acme\"") && !shown.contains("\"apex\""),
        "{shown}"
    );

    let listed = fixture.run(&["token", "list", "--json"]);
    let line: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(
        (&line["name"], &line["filter"]),
        (&"acme".into(), &"project:acme".into())
    );
    assert!(line["expires_at"].is_string(), "{line}");
    let table = fixture.run(&["token", "list"]).stdout;
    assert!(table.contains("project:acme"), "{table}");
    assert!(!listed.stdout.contains(secret) && !table.contains(secret));

    let again = fixture.run(&create);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert_eq!(fixture.run(&["token", "revoke", "acme"]).code, Some(0));
    let refused = server.answer("/api/activities", &bearer(secret));
    assert!(
        refused.starts_with("HTTP/1.1 401 Unauthorized\r\n"),
        "{refused}"
    );
    assert_eq!(fixture.run(&["token", "revoke", "acme"]).code, Some(1));
}

#[test]
fn a_token_needs_a_filter_that_limits_access_and_an_expiry_in_the_future() {
    let fixture = fixture();
    for (args, said) in [
        (["--filter", "kind:tool"], "use only project, agent, actor"),
        (["--filter", "refund"], "use only project, agent, actor"),
        (["--filter", ""], "it is empty"),
        (["--filter", "nonsense:x"], "nonsense"),
        (["--expires", "2020-01-01"], "in the future"),
        (["--expires", "soon"], "in the future"),
        (["--expires", "10GB"], "in the future"),
    ] {
        let refused = fixture.run(&[&["token", "create", "a"], &args[..]].concat());
        assert_eq!(refused.code, Some(2), "{args:?}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(said),
            "{args:?}: {}",
            refused.stderr
        );
    }
    assert_eq!(fixture.run(&["token", "list"]).stdout, "");
}

#[test]
fn a_secret_in_an_argument_is_warned_about_and_one_in_a_file_is_not() {
    let fixture = fixture();
    let secret = "correct horse battery staple".replace(' ', "-");
    let server = Server::new(&fixture, &["--token", &secret]);
    assert!(server.said.contains("--token-file") && !server.said.contains(&secret));
    drop(server);
    let file = fixture.folder.path().join("token.txt");
    fs::write(&file, format!("{secret}\n")).unwrap();
    let server = Server::new(&fixture, &["--token-file", file.to_str().unwrap()]);
    assert!(!server.said.contains("warning"), "{}", server.said);
    let answer = server.answer("/api/activities", &bearer(&secret));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let url = "https://ann:pw@example.com/hook";
    let added = fixture.run(&["webhooks", "add", "a", url]);
    assert!(
        added.stderr.contains("webhooks add a -"),
        "{}",
        added.stderr
    );
}
