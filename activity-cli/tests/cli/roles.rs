//! Every command at an address, with the rights of every role: it works, or says which role it needs.

use crate::{
    fixture::{CommandResult, Fixture},
    postgres::{self, PASSWORD},
    serve::Server,
};

const ROLES: &str = include_str!("../../../docs/postgres-roles.sql");
const READER: &str = "it needs the role activity_reader of docs/postgres-roles.sql";
const FORWARDER: &str = "it needs the role activity_forwarder of docs/postgres-roles.sql";
const MAINTAINER: &str = "it needs the role activity_maintainer of docs/postgres-roles.sql";

/// Commands that read, those that maintain, and those of webhooks.
const READ: &[&[&str]] = &[
    &["list"],
    &["list", "--all", "words"],
    &["tail"],
    &["top"],
    &["errors"],
    &["events"],
    &["digest"],
    &["serve", "--listen", "127.0.0.1:0"],
    &["export"],
    &["retention"],
    &["doctor"],
    &["token", "list"],
];
const MAINTAIN: &[&[&str]] = &[
    &["retention", "--activities", "90d"],
    &["prune", "--older-than", "30d"],
    &["erase", "--actor", "Ann B"],
    &["rebuild"],
    &["doctor", "--accept"],
    &["token", "create", "acme", "--filter", "project:acme"],
    &["token", "revoke", "acme"],
    &["webhooks", "list"],
    &["webhooks", "add", "ops", "https://example.com/"],
    &["webhooks", "remove", "ops"],
];

/// A database of its own, and an address of it for each user.
struct Database {
    fixture: Fixture,
    url: String,
}

impl Database {
    fn new() -> Self {
        Database {
            fixture: Fixture::with_calls(),
            url: postgres::database(),
        }
    }

    /// With the schema, six calls, and the roles.
    fn with_roles() -> Self {
        let database = Database::new();
        let ran = database.forward(&database.url);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        postgres::query(&database.url, ROLES);
        database
    }

    fn forward(&self, url: &str) -> CommandResult {
        self.fixture.run(&["forward", "--to", url, "--once"])
    }

    /// Returns the address for a new user of a role; `none` and `stranger`: of no role.
    fn user(&self, role: &str) -> String {
        // Users are of a server, not of a database.
        let name = self.url.rsplit('/').next().unwrap();
        let user = format!("{role}_{name}");
        let member = match role {
            "none" | "stranger" => String::new(),
            role => format!("IN ROLE activity_{role}"),
        };
        postgres::query(&self.url, &format!("CREATE ROLE {user} LOGIN {member}"));
        let (old, new) = (format!("postgres:{PASSWORD}"), format!("{user}:{PASSWORD}"));
        self.url.replace(&old, &new)
    }

    /// Runs a command, which fails with this sentence and nothing of SQL.
    fn run(&self, url: &str, args: &[&str]) -> CommandResult {
        self.fixture.run(&[args, &["--store", url]].concat())
    }

    fn fails(&self, url: &str, args: &[&str], expected: &str) {
        let ran = self.run(url, args);
        let message = &ran.stderr;
        assert!(
            ran.code == Some(1) && message.contains(expected),
            "{args:?} at {url}: {ran:?}"
        );
        assert!(!message.contains(PASSWORD), "{message}");
        assert_eq!(message.matches("error").count(), 1, "{message}");
        assert!(!message.contains("ERROR"), "{message}");
    }
}

#[test]
fn a_missing_right_is_named_by_its_role() {
    let database = Database::with_roles();
    let [forwarder, reader, none] = ["forwarder", "reader", "none"].map(|role| database.user(role));
    let id = database.fixture.json(&["list"]).remove(0).id.to_string();
    for url in [&forwarder, &none] {
        for args in READ.iter().chain([&&["show", &*id][..]]) {
            database.fails(url, args, READER);
        }
    }
    // It counts, so it reads the sums.
    let stats = ["stats", "--store", &forwarder];
    assert_eq!(database.fixture.run(&stats).code, Some(0));
    database.fails(&none, &["stats"], READER);
    for url in [&forwarder, &reader, &none] {
        for args in MAINTAIN {
            database.fails(url, args, MAINTAINER);
        }
    }
    let ran = database.fixture.run(&["event", "deployment", "v2 live"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = database.forward(&forwarder);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for url in [&reader, &none] {
        let ran = database.forward(url);
        assert!(
            ran.code == Some(1) && ran.stderr.contains(FORWARDER),
            "{ran:?}"
        );
        let doctor = database.fixture.run(&["doctor"]);
        assert!(doctor.stdout.contains(FORWARDER), "{}", doctor.stdout);
    }
    // What only counts needs to read only.
    for count in [
        &[
            "prune",
            "--older-than",
            "0s",
            "--larger-than",
            "1B",
            "--dry-run",
        ][..],
        &[
            "prune",
            "--older-than",
            "0s",
            "--what",
            "sums,recordings",
            "--dry-run",
        ],
        &["erase", "--actor", "Ann B", "--dry-run"],
    ] {
        let ran = database.run(&reader, count);
        assert_eq!(ran.code, Some(0), "{count:?}: {ran:?}");
        database.fails(&none, count, MAINTAINER);
    }
    // Nothing was changed meanwhile.
    let maintainer = database.user("maintainer");
    let of = |args: &[&str]| {
        let ran = database
            .fixture
            .run(&[args, &["--store", &maintainer]].concat());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    assert_eq!(of(&["list", "--all", "--json"]).lines().count(), 6);
    assert!(of(&["doctor"]).contains("accounted for"));
    assert_eq!(of(&["token", "list", "--json"]), "");
}

#[test]
fn a_database_without_the_schema_says_so() {
    let database = Database::new();
    let none = database.user("none");
    // A mistyped name of a database gets no schema.
    let others: &[&[&str]] = &[
        &["retention", "--sums", "90d", "--json"],
        &["erase", "--actor", "Ann B", "--dry-run"],
        &["prune", "--older-than", "0s", "--what", "sums", "--dry-run"],
        &["stats"],
        &["stats", "--by", "name"],
        &["webhooks", "run"],
        &["webhooks", "dead"],
        &["webhooks", "retry", "ops"],
    ];
    let (_, name) = database.url.rsplit_once('/').unwrap();
    for args in READ.iter().chain(MAINTAIN).chain(others) {
        for url in [&database.url, &none] {
            let ran = database.run(url, args);
            let expected = [
                "no log has been forwarded to the database postgres://127.0.0.1:",
                &format!("/{name} yet"),
                "`activity forward --to URL` creates it",
            ];
            for expected in expected {
                assert!(
                    ran.code == Some(1) && ran.stderr.contains(expected),
                    "{args:?}: {ran:?}"
                );
            }
            let made = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tower%'";
            assert_eq!(postgres::query(&database.url, made).trim(), "0", "{args:?}");
        }
    }
    let ran = database.forward(&none);
    let expected = "its user may not create the schema";
    assert!(
        ran.code == Some(1) && ran.stderr.contains(expected),
        "{ran:?}"
    );
}

/// One sentence for every command and every role, which deletes nothing: the schema may be one that is being restored.
#[test]
fn a_schema_with_other_contents_says_so() {
    let database = Database::new();
    let none = database.user("none");
    let expected = [
        "the schema tower_activity of the database postgres://127.0.0.1:",
        " is incomplete, or another program's · wait if it is being restored; otherwise rename it",
    ];
    for contents in [
        "CREATE TABLE tower_activity.orders (id int)",
        "CREATE TABLE tower_activity.mark (name text, value text)",
        // A restore creates the functions first, then the tables, and fills them later.
        "CREATE FUNCTION tower_activity.first_id(bigint) RETURNS uuid LANGUAGE sql RETURN gen_random_uuid()",
        "CREATE TABLE tower_activity.mark (name text, value bigint)",
    ] {
        let schema = "DROP SCHEMA IF EXISTS tower_activity CASCADE; CREATE SCHEMA tower_activity";
        postgres::query(&database.url, &format!("{schema}; {contents}"));
        for args in READ.iter().chain(MAINTAIN) {
            for url in [&database.url, &none] {
                // A user that may not read the marks gets the sentence about roles.
                if contents.ends_with("value bigint)") && url == &none {
                    continue;
                }
                for expected in expected {
                    database.fails(url, args, expected);
                }
            }
        }
        let ran = database.forward(&database.url);
        assert!(
            ran.code == Some(1) && ran.stderr.contains(expected[1]),
            "{ran:?}"
        );
    }
}

#[test]
fn an_empty_schema_is_filled_unless_it_is_that_of_a_stranger() {
    let database = Database::new();
    let stranger = database.user("stranger");
    postgres::query(&database.url, "CREATE SCHEMA tower_activity");
    for args in READ.iter().chain(MAINTAIN) {
        for url in [&database.url, &stranger] {
            database.fails(url, args, "no log has been forwarded to the database");
        }
    }
    let name = database.url.rsplit('/').next().unwrap();
    let owner = |user: &str| {
        let change = format!("ALTER SCHEMA tower_activity OWNER TO {user}");
        postgres::query(&database.url, &change);
    };
    owner(&format!("stranger_{name}"));
    let ran = database.forward(&database.url);
    let expected = "is empty and belongs to";
    assert!(
        ran.code == Some(1) && ran.stderr.contains(expected),
        "{ran:?}"
    );
    owner("postgres");
    let ran = database.forward(&database.url);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_newer_schema_is_left_untouched() {
    let database = Database::with_roles();
    let version = "UPDATE tower_activity.mark SET value = 99 WHERE name = 'schema'";
    postgres::query(&database.url, version);
    for args in READ.iter().chain(MAINTAIN) {
        database.fails(&database.url, args, "the database has schema 99");
    }
    let ran = database.forward(&database.url);
    let expected = "the database has schema 99";
    assert!(
        ran.code == Some(1) && ran.stderr.contains(expected),
        "{ran:?}"
    );
}

#[test]
fn a_server_says_what_its_user_lacks() {
    let database = Database::with_roles();
    let reader = database.user("reader");
    let server = Server::new(&database.fixture, &["--store", &reader]);
    let problem = |code: &str, expected: &str| {
        for path in ["activities", "events", "metrics", "health", "tree"] {
            let answer = server.answer(&format!("/api/{path}"), "");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            if head.starts_with("HTTP/1.1 404") || head.starts_with("HTTP/1.1 400") {
                continue;
            }
            assert!(head.starts_with("HTTP/1.1 503"), "{path}: {answer}");
            assert!(head.contains("application/problem+json"), "{path}: {head}");
            let problem: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(problem["code"], code, "{path}: {body}");
            assert!(body.contains(expected), "{path}: {body}");
        }
    };
    let listed = server.answer("/api/activities", "");
    assert!(listed.starts_with("HTTP/1.1 200"), "{listed}");
    let revoke = "REVOKE SELECT ON ALL TABLES IN SCHEMA tower_activity FROM activity_reader";
    postgres::query(&database.url, revoke);
    problem("denied", READER);
    postgres::query(&database.url, "DROP SCHEMA tower_activity CASCADE");
    problem("no_store", "there is no store");
    // The next forwarder creates it again, and it is read without a restart.
    let ran = database
        .fixture
        .run(&["forward", "--to", &database.url, "--once"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    postgres::query(&database.url, ROLES);
    let listed = server.answer("/api/activities", "");
    assert!(listed.starts_with("HTTP/1.1 200"), "{listed}");
}
