//! What a check finds does not depend on what others do meanwhile.

use proptest::prelude::*;

use super::*;
use crate::store::sqlite::{
    open::{connection, lock_counts::CommitCounts},
    write::ledger,
};

const NOW: i64 = 1_772_366_400_000_000;

/// What happens while a check goes on.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// An instance commits rows.
    Add {
        instance: i64,
        rows: u8,
    },
    /// A row is deleted on purpose: the one at this part of all of them.
    Remove(u8),
    /// The newest row is deleted on purpose.
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

fn go(connection: &mut Connection, room: i64) -> Step {
    let transaction = connection.transaction().unwrap();
    let step = step(&transaction, NOW, room).unwrap();
    transaction.commit().unwrap();
    step
}

fn play(connection: &mut Connection, act: Act) -> Option<Step> {
    let all = seqs(connection);
    let remove = |seq: Option<&i64>| {
        ledger::delete(connection, RowKind::Recording, seq.copied()).unwrap();
    };
    match act {
        Act::Add { instance, rows } => add(connection, instance, rows),
        Act::Remove(part) => remove(all.get(all.len() * usize::from(part) / 256)),
        Act::RemoveNewest => remove(all.last()),
        Act::Step => return Some(go(connection, 3)),
    }
    None
}

proptest! {
    #[test]
    fn what_others_deleted_before_is_missing_whatever_happens_meanwhile(
        before in proptest::collection::vec(act(), 0..20),
        foreign in proptest::collection::vec(any::<u8>(), 0..4),
        meanwhile in proptest::collection::vec(act(), 0..40),
    ) {
        let mut connection = store();
        for act in before {
            if !matches!(act, Act::Step) {
                play(&mut connection, act);
            }
        }
        let mut missing = 0;
        for part in foreign {
            let all = seqs(&connection);
            if let Some(seq) = all.get(all.len() * usize::from(part) / 256) {
                missing += connection.execute("DELETE FROM recording WHERE seq = ?1", [seq]).unwrap() as i64;
            }
        }
        // Begins, and counts nothing yet but perhaps three.
        let mut found = vec![go(&mut connection, 3)];
        for act in meanwhile {
            if found.last().is_some_and(|step| !step.more) {
                break;
            }
            found.extend(play(&mut connection, act));
        }
        while found.last().is_some_and(|step| step.more) {
            found.push(go(&mut connection, 3));
        }
        let sum = |of: fn(&Step) -> i64| found.iter().map(of).sum::<i64>();
        prop_assert_eq!((sum(|step| step.missing), sum(|step| step.surplus)), (missing, 0));
    }
}

#[test]
fn what_is_missing_and_too_many_is_told_and_accepted_once() {
    let mut connection = store();
    add(&connection, 1, 20);
    connection
        .execute("DELETE FROM recording WHERE seq <= 5", ())
        .unwrap();
    let insert = "INSERT INTO recording (id, format, instance) VALUES (randomblob(16), 1, 77), (randomblob(16), 1, 2)";
    connection.execute(insert, ()).unwrap();
    let step = go(&mut connection, 100);
    assert_eq!((step.missing, step.surplus, step.more), (5, 2, false));
    assert!(!is_due(&connection, NOW + EVERY_US - 1).unwrap());
    assert!(is_due(&connection, NOW + EVERY_US).unwrap());
    assert!(
        is_due(&connection, NOW - EVERY_US).unwrap(),
        "a clock was set back"
    );
    let transaction = connection.transaction().unwrap();
    for kind in RowKind::ALL {
        begin(&transaction, kind, NOW, true).unwrap();
    }
    transaction.commit().unwrap();
    let step = go(&mut connection, 100);
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
    let later = NOW + EVERY_US;
    let transaction = connection.transaction().unwrap();
    let step = super::step(&transaction, later, 100).unwrap();
    assert_eq!((step.missing, step.surplus, step.more), (0, 0, false));
}
