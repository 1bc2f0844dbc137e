//! The roles of docs/postgres-roles.sql.

use chrono::{Duration, Utc};
use tower_activity::store::{CentralStore, LogState, Store, postgres::PostgresStore};

use super::{Log, activity, all, event, number};
use crate::support::postgres::{self, PASSWORD};

const ROLES: &str = include_str!("../../../docs/postgres-roles.sql");

/// A database with the schema and the roles, and its addresses for users who have them.
pub(super) struct Roles {
    pub(super) url: String,
    pub(super) forwards: String,
    pub(super) reads: String,
    pub(super) maintains: String,
}

impl Roles {
    pub(super) fn new() -> Self {
        let url = postgres::database();
        drop(Log::connect(&url, 9));
        // Also after an upgrade.
        for _ in 0..2 {
            postgres::query(&url, ROLES);
        }
        // Roles are of a server, not of a database.
        let name = url.rsplit('/').next().unwrap();
        let user = |role: &str| {
            let user = format!("{role}_{name}");
            let create = format!("CREATE ROLE {user} LOGIN IN ROLE activity_{role}");
            postgres::query(&url, &create);
            let (old, new) = (format!("postgres:{PASSWORD}"), format!("{user}:{PASSWORD}"));
            url.replace(&old, &new)
        };
        let (forwards, reads) = (user("forwarder"), user("reader"));
        let maintains = user("maintainer");
        Roles {
            url,
            forwards,
            reads,
            maintains,
        }
    }
}

pub(super) fn refused(url: &str, statement: &str) {
    let output = postgres::output(url, statement);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("permission denied"),
        "{statement}: {output:?}"
    );
}

#[test]
fn a_forwarder_adds_records_and_changes_none() {
    let Roles {
        url,
        forwards,
        reads,
        maintains,
    } = Roles::new();
    let mut log = Log::connect(&forwards, 1);
    let at = Utc::now() - Duration::minutes(1);
    // A late one needs a partition.
    let late = at - Duration::days(30);
    let mut with_agent = activity(at, 1);
    with_agent.scope.agent = Some("agent".to_owned().into());
    log.send(vec![with_agent, activity(late, 2)], vec![event(at, 1)]);
    let mut state = LogState::default();
    state.open = Some(vec![activity(at, 3)]);
    log.intake.update(&state).unwrap();
    log.fold();
    let mut reader = PostgresStore::new(&reads).unwrap().reader().unwrap();
    assert_eq!(all(&mut *reader).len(), 3);
    assert!(reader.check(&mut |_| {}).unwrap().is_complete());
    let sums = "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0";
    assert_eq!(number(&url, sums), 2);

    for table in [
        "activity",
        "event",
        "chunk",
        "text",
        "dedup",
        "batch",
        "recording",
    ] {
        refused(&forwards, &format!("DELETE FROM tower_activity.{table}"));
    }
    for change in [
        "activity SET message = ''",
        "activity_early SET message = ''",
        "event SET summary = ''",
        "chunk SET body = ''",
        "text SET value = ''",
        "batch SET log = 0",
        "recording SET log = 0",
    ] {
        refused(&forwards, &format!("UPDATE tower_activity.{change}"));
    }
    refused(&forwards, "TRUNCATE tower_activity.activity");
    // What belongs to a log is changed by its holder only, who cannot be found out.
    for hostile in [
        "SELECT holder FROM tower_activity.log",
        "UPDATE tower_activity.log SET holder = NULL",
        "UPDATE tower_activity.log SET holder = gen_random_uuid(), heard_at = now()",
        "DELETE FROM tower_activity.log",
        "INSERT INTO tower_activity.log (id, host) VALUES (gen_random_uuid(), '')",
        "INSERT INTO tower_activity.batch (log, first_activity, last_activity, first_event, last_event, first_chunk, last_chunk) \
           VALUES (2, 3, 9, 1, 1, 0, 0)",
        "SELECT * FROM tower_activity.token",
        "INSERT INTO tower_activity.erased VALUES (gen_random_uuid())",
        "DELETE FROM tower_activity.retention",
        "DELETE FROM tower_activity.tombstone",
        "UPDATE tower_activity.mark SET name = 'x'",
    ] {
        refused(&forwards, hostile);
    }
    log.intake.update(&LogState::default()).unwrap();
    let log_of = "SELECT number, holder, activity, waiting, refused, heard_at FROM tower_activity.log ORDER BY number";
    let before = postgres::query(&url, log_of);
    let log_number = number(
        &url,
        "SELECT number FROM tower_activity.log WHERE host = 'host' AND activity > 0",
    );
    for hostile in [
        // The lease is fresh.
        "SELECT * FROM tower_activity.lease_log('01010101-0101-0101-0101-010101010101', gen_random_uuid(), 'thief')".to_owned(),
        format!("SELECT * FROM tower_activity.renew_log({log_number}, gen_random_uuid(), 0, 5, 5)"),
        format!(
            "SELECT * FROM tower_activity.accept_batch({log_number}, gen_random_uuid(), 2, 9, 1, 1, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL)"
        ),
        format!("SELECT tower_activity.release_log({log_number}, NULL)"),
        format!(
            "SELECT tower_activity.erase_late({log_number}, gen_random_uuid(), array(SELECT id FROM tower_activity.activity))"
        ),
        // A search path of its own changes no function.
        format!(
            "SET search_path = public; SELECT tower_activity.release_log({log_number}, gen_random_uuid())"
        ),
        "SELECT tower_activity.apply_retention(9000000000000000)".to_owned(),
    ] {
        let output = postgres::output(&forwards, &hostile);
        assert!(output.status.success(), "{hostile}: {output:?}");
    }
    assert_eq!(postgres::query(&url, log_of), before);
    assert_eq!(
        number(
            &url,
            "SELECT count(*) FROM tower_activity.event WHERE terms = '=w'"
        ),
        0
    );
    assert_eq!(
        number(&url, "SELECT count(*) FROM tower_activity.activity"),
        2
    );
    refused(
        &forwards,
        "SELECT tower_activity.attach('activity', 'x', 1, 2)",
    );
    refused(&forwards, "UPDATE tower_activity.mark SET value = 99999");

    refused(
        &reads,
        "INSERT INTO tower_activity.text (value) VALUES ('')",
    );
    refused(&reads, "DELETE FROM tower_activity.activity");
    // The maintainer migrates, forwards and deletes.
    PostgresStore::new(&maintains).unwrap().intake().unwrap();
    let deleted = postgres::output(&maintains, "DELETE FROM tower_activity.activity");
    assert!(deleted.status.success(), "{deleted:?}");
}

#[test]
fn what_an_earlier_version_has_granted_is_revoked() {
    let roles = Roles::new();
    let earlier = "GRANT ALL ON ALL TABLES IN SCHEMA tower_activity TO activity_forwarder, activity_reader; \
         GRANT ALL ON ALL FUNCTIONS IN SCHEMA tower_activity TO activity_forwarder, activity_reader; \
         GRANT UPDATE (holder) ON tower_activity.log TO activity_forwarder";
    postgres::query(&roles.url, earlier);
    postgres::query(&roles.url, ROLES);
    refused(&roles.forwards, "DELETE FROM tower_activity.activity");
    refused(
        &roles.forwards,
        "UPDATE tower_activity.log SET holder = NULL",
    );
    for url in [&roles.forwards, &roles.reads] {
        refused(url, "SELECT tower_activity.attach('activity', 'x', 1, 2)");
        refused(url, "SELECT secret FROM tower_activity.webhook");
    }
    let mut log = Log::connect(&roles.forwards, 1);
    log.send(vec![activity(Utc::now(), 1)], Vec::new());
    log.fold();
    let mut reader = PostgresStore::new(&roles.reads).unwrap().reader().unwrap();
    assert!(reader.check(&mut |_| {}).unwrap().is_complete());
}
