//! A check finds the same, whatever is written meanwhile.

use proptest::prelude::*;

use super::*;
use crate::store::sqlite::{
    open::{connection, lock_counts::CommitCounts},
    write::ledger,
};

const NOW: i64 = 1_772_366_400_000_000;

/// What happens during a check.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// An instance commits rows.
    Add {
        instance: i64,
        rows: u8,
    },
    /// A row is deleted through the ledger: the one at this 256th of all rows.
    Remove(u8),
    /// The newest row is deleted through the ledger.
    RemoveNewest,
    Step,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1..4_i64, 1..4_u8).prop_map(|(instance, rows)| Act::Add { instance, rows }),
        any::<u8>().prop_map(Act::Remove),
        Just(Act::RemoveNewest),
        Just(Act::Step),
        Just(Act::Step),
    ]
}

fn store() -> Connection {
    let connection = connection::in_memory().unwrap();
    for instance in 1..4_i64 {
        let add = "INSERT INTO instance (id, uuid, host, pid, started_at) VALUES (?1, randomblob(16), 'h', 1, 1)";
        connection.execute(add, [instance]).unwrap();
    }
    connection
}

fn seqs(connection: &Connection) -> Vec<i64> {
    let mut statement = connection
        .prepare("SELECT seq FROM recording ORDER BY seq")
        .unwrap();
    let seqs = statement.query_map((), |row| row.get(0)).unwrap();
    seqs.collect::<rusqlite::Result<_>>().unwrap()
}

fn add(connection: &Connection, instance: i64, rows: u8) {
    for _ in 0..rows {
        let insert = "INSERT INTO recording (id, format, instance) VALUES (randomblob(16), 1, ?1)";
        connection.execute(insert, [instance]).unwrap();
    }
    let added = CommitCounts {
        recordings: u64::from(rows),
        ..CommitCounts::default()
    };
    ledger::add(connection, instance, &added).unwrap();
}

fn run_step(connection: &mut Connection, limit: i64) -> Step {
    let transaction = connection.transaction().unwrap();
    let step = step(&transaction, NOW, limit).unwrap();
    transaction.commit().unwrap();
    step
}

fn perform(connection: &mut Connection, act: Act) -> Option<Step> {
    let all = seqs(connection);
    let remove = |seq: Option<&i64>| {
        ledger::delete(connection, RowKind::Recording, seq.copied()).unwrap();
    };
    match act {
        Act::Add { instance, rows } => add(connection, instance, rows),
        Act::Remove(part) => remove(all.get(all.len() * usize::from(part) / 256)),
        Act::RemoveNewest => remove(all.last()),
        Act::Step => return Some(run_step(connection, 3)),
    }
    None
}

proptest! {
    #[test]
    fn rows_deleted_by_others_before_a_check_are_missing_whatever_is_written_meanwhile(
        before in proptest::collection::vec(act(), 0..20),
        foreign in proptest::collection::vec(any::<u8>(), 0..4),
        meanwhile in proptest::collection::vec(act(), 0..40),
    ) {
        let mut connection = store();
        for act in before {
            if !matches!(act, Act::Step) {
                perform(&mut connection, act);
            }
        }
        let mut missing = 0;
        for part in foreign {
            let all = seqs(&connection);
            if let Some(seq) = all.get(all.len() * usize::from(part) / 256) {
                missing += connection.execute("DELETE FROM recording WHERE seq = ?1", [seq]).unwrap() as i64;
            }
        }
        // Begins, and counts three rows at most.
        let mut found = vec![run_step(&mut connection, 3)];
        for act in meanwhile {
            if found.last().is_some_and(|step| !step.more) {
                break;
            }
            found.extend(perform(&mut connection, act));
        }
        while found.last().is_some_and(|step| step.more) {
            found.push(run_step(&mut connection, 3));
        }
        let sum = |of: fn(&Step) -> i64| found.iter().map(of).sum::<i64>();
        prop_assert_eq!((sum(|step| step.missing), sum(|step| step.surplus)), (missing, 0));
    }
}

#[test]
fn missing_and_surplus_rows_are_reported_and_accepted_once() {
    let mut connection = store();
    add(&connection, 1, 20);
    connection
        .execute("DELETE FROM recording WHERE seq <= 5", ())
        .unwrap();
    let insert = "INSERT INTO recording (id, format, instance) VALUES (randomblob(16), 1, 77), (randomblob(16), 1, 2)";
    connection.execute(insert, ()).unwrap();
    let step = run_step(&mut connection, 100);
    assert_eq!((step.missing, step.surplus, step.more), (5, 2, false));
    assert!(!is_due(&connection, NOW + INTERVAL_US - 1).unwrap());
    assert!(is_due(&connection, NOW + INTERVAL_US).unwrap());
    assert!(
        is_due(&connection, NOW - INTERVAL_US).unwrap(),
        "a clock was set back"
    );
    let transaction = connection.transaction().unwrap();
    for kind in RowKind::ALL {
        begin(&transaction, kind, NOW, true).unwrap();
    }
    transaction.commit().unwrap();
    let step = run_step(&mut connection, 100);
    assert_eq!((step.missing, step.surplus), (0, 0));
    let accepted: Vec<(i64, i64)> = {
        let mut statement = connection
            .prepare("SELECT instance, missing FROM ledger_accepted ORDER BY instance")
            .unwrap();
        let rows = statement
            .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    assert_eq!(accepted, [(1, 5), (2, -1), (77, -1)]);
    let later = NOW + INTERVAL_US;
    let transaction = connection.transaction().unwrap();
    let step = super::step(&transaction, later, 100).unwrap();
    assert_eq!((step.missing, step.surplus, step.more), (0, 0, false));
}
