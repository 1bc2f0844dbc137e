//! The roles of docs/postgres-roles.sql.

use chrono::{Duration, Utc};
use tower_activity::store::{CentralStore, LogState, Store, postgres::PostgresStore};

use super::{Log, activity, all, event, number};
use crate::support::postgres::{self, PASSWORD};

const ROLES: &str = include_str!("../../../docs/postgres-roles.sql");

#[test]
fn a_forwarder_adds_records_and_changes_none() {
    let url = postgres::database();
    drop(Log::connect(&url, 9));
    for _ in 0..2 {
        postgres::query(&url, ROLES);
    }
    postgres::query(
        &url,
        "CREATE ROLE forwards LOGIN IN ROLE activity_forwarder; CREATE ROLE reads LOGIN IN ROLE activity_reader; \
         CREATE ROLE maintains LOGIN IN ROLE activity_maintainer",
    );
    let of = |user: &str| {
        url.replace(
            &format!("postgres:{PASSWORD}"),
            &format!("{user}:{PASSWORD}"),
        )
    };
    let (forwards, reads) = (of("forwards"), of("reads"));

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
    let sums = "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0";
    assert_eq!(number(&url, sums), 2);

    let refused = |url: &str, statement: &str| {
        let output = postgres::output(url, statement);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            message.contains("permission denied"),
            "{statement}: {output:?}"
        );
    };
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
    refused(
        &forwards,
        "SELECT tower_activity.attach('activity', 'x', 1, 2)",
    );
    // Its policy hides the other marks.
    postgres::output(&forwards, "UPDATE tower_activity.mark SET value = 99999");
    assert_eq!(
        number(
            &url,
            "SELECT value FROM tower_activity.mark WHERE name = 'activity_horizon'"
        ),
        0
    );
    postgres::query(
        &url,
        "UPDATE tower_activity.mark SET value = 1 WHERE name = 'ordinal'",
    );

    refused(
        &reads,
        "INSERT INTO tower_activity.text (value) VALUES ('')",
    );
    refused(&reads, "DELETE FROM tower_activity.activity");
    // The maintainer migrates, forwards and deletes.
    let maintains = of("maintains");
    PostgresStore::new(&maintains).unwrap().intake().unwrap();
    let deleted = postgres::output(&maintains, "DELETE FROM tower_activity.activity");
    assert!(deleted.status.success(), "{deleted:?}");
}
