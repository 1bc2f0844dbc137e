//! Numbers in the sums: a forwarder may write them, and all readers add them up.

use chrono::{Duration, Utc};
use tower_activity::{
    query::{ActivityReader, DigestQuery, MetricsQuery, Window},
    record::Status,
    store::{Dimension, Store, Subject, postgres::PostgresStore},
};

use super::{
    Log, activity,
    hostile_forwarder::{accept_own, check},
    number,
    roles::Roles,
};
use crate::support::{postgres, sums};

/// The columns of each table with sums that are numbers, and the largest one that each may have.
const COLUMNS: [(&str, &str, i64); 23] = [
    ("bucket", "count", COUNT),
    ("bucket", "failed", COUNT),
    ("bucket", "cancelled", COUNT),
    ("bucket", "timed", COUNT),
    ("bucket", "sum_ns", i64::MAX),
    ("bucket", "min_ns", i64::MAX),
    ("bucket", "max_ns", i64::MAX),
    ("bucket_day", "count", COUNT),
    ("bucket_day", "failed", COUNT),
    ("bucket_day", "cancelled", COUNT),
    ("bucket_day", "timed", COUNT),
    ("bucket_day", "sum_ns", i64::MAX),
    ("agent_quarter", "active", COUNT),
    ("agent_quarter", "turns", COUNT),
    ("agent_quarter", "roots", COUNT),
    ("agent_quarter", "last_root", TIME),
    ("agent_day", "active", COUNT),
    ("agent_day", "turns", COUNT),
    ("agent_day", "roots", COUNT),
    ("agent_day", "last_turn", TIME),
    ("turn_bucket", "turns", TIME),
    ("turn_bucket", "within_us", TIME),
    ("failure", "count", COUNT),
];
const COUNT: i64 = 1_000_000_000_000_000;
const TIME: i64 = 1_000_000_000_000_000_000;

/// Records of the last hours, with agents, projects and failures.
fn fill(log: &mut Log) {
    let records = (0..40_u8).map(|number| {
        let at = Utc::now() - Duration::minutes(i64::from(number) * 5);
        let mut one = activity(at, number);
        one.scope.agent = Some(format!("agent {}", number % 3).into());
        one.scope.project = Some(format!("project {}", number % 2).into());
        if number % 4 == 0 {
            one.status = Status::Failed;
            one.error_type = Some("timeout".to_owned().into());
        }
        one
    });
    log.send(records.collect(), Vec::new());
    log.fold();
}

/// Reads what pages and commands read from sums.
fn read_all(url: &str) {
    let store = PostgresStore::new(url).unwrap();
    let mut reader = ActivityReader::from_store(&store).unwrap();
    for window in Window::ALL {
        let all = MetricsQuery::new(window, Utc::now());
        let agent = Subject::One(Dimension::Agent, "agent 1".to_owned().into());
        for query in [all.clone(), all.clone().subject(agent)] {
            reader.metrics(&query).unwrap();
            reader.errors(&query, 10).unwrap();
        }
        for by in [
            Dimension::Project,
            Dimension::Agent,
            Dimension::Name,
            Dimension::Brand,
        ] {
            reader.ranking(by, &all).unwrap();
        }
        reader.event_types(&all).unwrap();
    }
    reader.digest(&DigestQuery::new(Utc::now())).unwrap();
    let mut reader = store.reader().unwrap();
    reader.health().unwrap();
    reader.vitals().unwrap();
}

#[test]
fn absurd_sums_are_refused_and_the_largest_ones_are_read_and_added_to() {
    let roles = Roles::new();
    let mut log = Log::connect(&roles.forwards, 1);
    fill(&mut log);
    for (table, column, most) in COLUMNS {
        let absurd = [
            Some(i64::MIN),
            Some(i64::MAX).filter(|absurd| *absurd > most),
        ];
        let keys = ["quarter = 9000000000", "quarter = -9000000000"].map(str::to_owned);
        let values = absurd.into_iter().flatten();
        let values = values.map(|absurd| format!("{column} = {absurd}"));
        for change in values.chain(keys) {
            let update = format!("UPDATE tower_activity.{table} SET {change}");
            let output = postgres::output(&roles.forwards, &update);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                message.contains(r#"violates check constraint "bounds""#),
                "{update}: {message}"
            );
        }
    }
    for long in [
        "UPDATE tower_activity.bucket SET sketch = decode(repeat('ff', 20000), 'hex')",
        "UPDATE tower_activity.turn_bucket SET after = decode(repeat('01010101', 2000000), 'hex')",
    ] {
        let output = postgres::output(&roles.forwards, long);
        assert!(!output.status.success(), "{long}");
    }
    assert!(check(&roles.reads).is_complete());

    for (table, column, most) in COLUMNS {
        let update = format!("UPDATE tower_activity.{table} SET {column} = {most}");
        let output = postgres::output(&roles.forwards, &update);
        assert!(output.status.success(), "{update}: {output:?}");
    }
    for sketches in [
        // Each part with the largest count, and parts beyond the scale.
        "UPDATE tower_activity.bucket SET sketch = decode(repeat('01ffffffffffffffffff01', 1480), 'hex')",
        "UPDATE tower_activity.bucket_day SET sketch = decode('cf07ffffffffffffffffff0101ffffffffffffffffff01', 'hex')",
        // Each number the largest one.
        "UPDATE tower_activity.turn_bucket SET after = decode(repeat('ffffffffffffffff7f', 40), 'hex')",
    ] {
        let output = postgres::output(&roles.forwards, sketches);
        assert!(output.status.success(), "{sketches}: {output:?}");
    }
    read_all(&roles.reads);
    let uncounted = "SELECT count(*) FROM tower_activity.batch WHERE ordinal IS NULL";
    // The same agents, projects and failures.
    for id in [2, 3] {
        let mut other = Log::connect(&roles.forwards, id);
        let mut records: Vec<_> = Vec::new();
        for number in 0..4_u8 {
            let mut one = activity(Utc::now() - Duration::minutes(1), id * 10 + number);
            one.scope.agent = Some(format!("agent {number}").into());
            one.scope.project = Some("project 1".to_owned().into());
            one.status = Status::Failed;
            one.error_type = Some("timeout".to_owned().into());
            records.push(one);
        }
        other.send(records, Vec::new());
        other.fold();
        assert_eq!(number(&roles.url, uncounted), 0);
    }
    read_all(&roles.reads);
    assert!(!check(&roles.reads).is_complete());
    let store = PostgresStore::new(&roles.maintains).unwrap();
    let mut maintenance = store.maintenance().unwrap();
    sums::rebuild(&mut *maintenance);
    sums::rebuild(&mut *maintenance);
    let found = check(&roles.reads);
    assert!(found.is_complete(), "{found:?}");
    read_all(&roles.reads);
}

/// The time between the first and the last instant that a record may have fits a few times into a number.
#[test]
fn the_longest_times_between_turns_are_added_up() {
    let roles = Roles::new();
    let mut log = Log::connect(&roles.forwards, 1);
    fill(&mut log);
    let mut rows = String::new();
    for agent in 0..8 {
        for (number, at) in ["-1000000000000000000", "1000000000000000000"]
            .into_iter()
            .enumerate()
        {
            rows += &format!(
                "INSERT INTO tower_activity.new_activity (id, started_at, duration_ns, batch, seq, kind, name, agent, instance, \
                   status, truncated) VALUES ('00000000-0000-7000-8000-0000000{number}00{agent:02}', {at}, 9223372036854775807, \
                   :own, {agent}, 1, 1, {agent}, 1, 1, false);"
            );
        }
    }
    let script = format!("{}{rows} COMMIT;", accept_own(20));
    let output = postgres::script(&roles.forwards, &script);
    assert!(output.status.success(), "{output:?}");
    log.fold();
    let counted = "SELECT sum(count) FROM tower_activity.bucket WHERE scope = 0";
    assert_eq!(number(&roles.url, counted), 40 + 16);
    read_all(&roles.reads);
}
