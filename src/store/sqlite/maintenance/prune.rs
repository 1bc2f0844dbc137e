//! Pruning: what is too old or too much goes, the oldest first, a short transaction at a time.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, Transaction, params};

use super::{
    cutoff::{self, Cutoff, Cutoffs},
    recordings,
    search::{self, Place, SearchIndex},
    size::{self, Size},
};
use crate::{
    record::ActivityId,
    store::{
        Pruned, RowKind,
        meaning::{Code, SumScope, forget, quarter_of},
        sqlite::{
            columns::{signed, unsigned},
            meta::MetaKey,
            write::{ledger, sums::hour},
        },
    },
};

/// Rows of one kind that one step deletes: some milliseconds, in which nobody can write.
const STEP: i64 = 200;
/// All rows, where SQLite takes a limit.
const ALL: i64 = -1;

/// Rows of one kind, the oldest first.
struct Sort {
    /// What started before ?1, the oldest first: seq and id.
    by_date: &'static str,
    /// What was committed up to ?1 and started before ?2, or from ?3 on, in the order of commits.
    by_place: &'static str,
    /// What was committed up to ?1, in the order of commits.
    by_size: &'static str,
    size: Size,
    /// What counts the bytes of a row, some time after the commit; `None`: the commit does.
    index: Option<&'static SearchIndex>,
}

// Of a deleted row that had the highest seq the number would be given again, to a row that followers then miss.
const ACTIVITIES: Sort = Sort {
    by_date: "SELECT seq, id FROM activity INDEXED BY activity_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM activity) ORDER BY id LIMIT ?2",
    by_place: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM activity) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM activity) \
         ORDER BY seq LIMIT ?2",
    size: size::ACTIVITIES,
    index: Some(&search::ACTIVITIES),
};
const EVENTS: Sort = Sort {
    by_date: "SELECT seq, id FROM event INDEXED BY event_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY id LIMIT ?2",
    by_place: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM event) \
         ORDER BY seq LIMIT ?2",
    size: size::EVENTS,
    index: Some(&search::EVENTS),
};
const PREVIEWS: Sort = Sort {
    by_date: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE a.id < ?1 ORDER BY p.activity LIMIT ?2",
    by_place: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 AND (a.id < ?2 OR a.id >= ?3) ORDER BY p.activity LIMIT ?4",
    by_size: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 ORDER BY p.activity LIMIT ?2",
    size: size::PREVIEWS,
    index: Some(&search::ACTIVITIES),
};
const RECORDINGS: Sort = Sort {
    by_date: "SELECT seq, id FROM recording WHERE id < ?1 AND status <> 0 ORDER BY id LIMIT ?2",
    by_place: "SELECT seq, id FROM recording WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) AND status <> 0 \
         ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM recording WHERE seq <= ?1 AND status <> 0 ORDER BY seq LIMIT ?2",
    size: size::RECORDINGS,
    index: None,
};

const DELETE_PREVIEW: &str = "DELETE FROM preview WHERE activity = ?1";
const COUNT_SUMS: &str = "SELECT count(*) FROM bucket WHERE quarter < ?1";
const NTH_SUM: &str = "SELECT quarter FROM bucket ORDER BY quarter LIMIT 1 OFFSET ?1";
const OLD_SUMS: &str = "SELECT count(*) FROM bucket WHERE quarter < ?1";
const ANY_OLD_SUMS: &str = "SELECT EXISTS (SELECT 1 FROM bucket WHERE quarter < ?1)";
const DELETE_SUMS: &str = "DELETE FROM bucket WHERE (scope, scope_id, quarter) IN \
     (SELECT scope, scope_id, quarter FROM bucket WHERE quarter < ?1 ORDER BY quarter LIMIT ?2) \
     RETURNING scope, scope_id, quarter";

/// The ranges that a quarter lies in or beside, which become one with it.
const BESIDE: &str =
    "DELETE FROM pruned WHERE first <= ?1 + 1 AND last >= ?1 - 1 RETURNING first, last";
const MARK: &str = "INSERT INTO pruned (first, last) VALUES (?1, ?2)";

/// How much is to be deleted.
pub(super) fn count(connection: &Connection, plan: &Cutoffs) -> rusqlite::Result<Pruned> {
    let nothing = HashSet::new();
    let count = |sort: &Sort, beyond: &Cutoff, gone: &HashSet<i64>| {
        sort.beyond(connection, beyond, ALL, gone)
    };
    let activities = count(&ACTIVITIES, &plan.activities, &nothing)?;
    let gone = activities.iter().map(|(seq, _)| *seq).collect();
    let sums = match sums_from(connection, &plan.sums)? {
        None => 0,
        Some(first) => connection.query_row(OLD_SUMS, [first], |row| row.get::<_, i64>(0))?,
    };
    let recordings = count(&RECORDINGS, &plan.recordings, &nothing)?;
    let chunks = recordings
        .iter()
        .map(|(seq, _)| recordings::chunks(connection, *seq))
        .sum::<rusqlite::Result<_>>()?;
    Ok(Pruned {
        activities: activities.len() as u64,
        events: count(&EVENTS, &plan.events, &nothing)?.len() as u64,
        previews: count(&PREVIEWS, &plan.previews, &gone)?.len() as u64,
        sums: unsigned(sums),
        recordings: recordings.len() as u64,
        chunks,
    })
}

/// Whether there is anything to delete: asked first, as a step keeps writers out also where it finds nothing.
pub(super) fn is_due(connection: &Connection, plan: &Cutoffs) -> rusqlite::Result<bool> {
    let sorts = [
        (&ACTIVITIES, &plan.activities),
        (&EVENTS, &plan.events),
        (&PREVIEWS, &plan.previews),
        (&RECORDINGS, &plan.recordings),
    ];
    for (sort, beyond) in sorts {
        if !sort.some(connection, beyond, 1)?.is_empty() {
            return Ok(true);
        }
    }
    match sums_from(connection, &plan.sums)? {
        Some(first) => connection.query_row(ANY_OLD_SUMS, [first], |row| row.get(0)),
        None => Ok(false),
    }
}

/// Deletes a part of it. All rows that retention deletes are deleted here.
pub(super) fn step(transaction: &Transaction<'_>, plan: &Cutoffs) -> rusqlite::Result<Pruned> {
    let mut pruned = Pruned::default();
    let seqs = |rows: &[Place]| rows.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
    let previews = |activities: &[Place]| -> rusqlite::Result<()> {
        let mut delete = transaction.prepare_cached(DELETE_PREVIEW)?;
        let mut rows = activities.iter().map(|(seq, _)| delete.execute([seq]));
        rows.try_for_each(|done| done.map(drop))
    };

    let activities = ACTIVITIES.some(transaction, &plan.activities, STEP)?;
    search::ACTIVITIES.change(transaction, &activities, || {
        previews(&activities)?;
        pruned.activities = ledger::delete(transaction, RowKind::Activity, seqs(&activities))?;
        Ok(())
    })?;
    let quarters = activities.iter().map(started_us).map(quarter_of);
    mark(transaction, &quarters.collect())?;
    if activities.is_empty() {
        // Those of activities that go have gone with them.
        let found = PREVIEWS.some(transaction, &plan.previews, STEP)?;
        search::ACTIVITIES.change(transaction, &found, || previews(&found))?;
        pruned.previews = found.len() as u64;
    }

    let events = EVENTS.some(transaction, &plan.events, STEP)?;
    search::EVENTS.change(transaction, &events, || {
        pruned.events = ledger::delete(transaction, RowKind::Event, seqs(&events))?;
        Ok(())
    })?;

    if let Some((seq, _)) = RECORDINGS.some(transaction, &plan.recordings, 1)?.first() {
        (pruned.recordings, pruned.chunks) = recordings::delete_some(transaction, *seq)?;
    }

    if let Some(first) = sums_from(transaction, &plan.sums)? {
        pruned.sums = delete_sums(transaction, first)?;
        if pruned.sums > 0 {
            // Where no sums are any more, they are not compared with their activities.
            MetaKey::SumsDeleted.raise(transaction, first)?;
        }
    }
    Ok(pruned)
}

/// Remembers in which quarters activities were pruned.
fn mark(transaction: &Transaction<'_>, quarters: &BTreeSet<i64>) -> rusqlite::Result<()> {
    for quarter in quarters {
        let (mut first, mut last) = (*quarter, *quarter);
        let mut beside = transaction.prepare_cached(BESIDE)?;
        let mut ranges = beside.query([quarter])?;
        while let Some(range) = ranges.next()? {
            first = first.min(range.get(0)?);
            last = last.max(range.get(1)?);
        }
        transaction.prepare_cached(MARK)?.execute([first, last])?;
    }
    Ok(())
}

impl Sort {
    /// Some of what is beyond a limit.
    fn some(
        &self,
        connection: &Connection,
        beyond: &Cutoff,
        at_most: i64,
    ) -> rusqlite::Result<Vec<Place>> {
        self.beyond(connection, beyond, at_most, &HashSet::new())
    }

    /// What is beyond a limit: what is too old, and of the rest what was committed first, for as long as there is too much.
    /// Without what is `gone` already.
    fn beyond(
        &self,
        connection: &Connection,
        beyond: &Cutoff,
        at_most: i64,
        gone: &HashSet<i64>,
    ) -> rusqlite::Result<Vec<Place>> {
        if beyond.is_nothing() {
            return Ok(Vec::new());
        }
        let mut found = self.old(connection, beyond, at_most)?;
        found.retain(|(seq, _)| !gone.contains(seq));
        let Some(bytes) = beyond.bytes else {
            return Ok(found);
        };
        let mut over = self.size.total(connection)? - signed(bytes);
        // What is not yet followed is not yet counted.
        let followed = match self.index {
            Some(index) => index.indexed_up_to(connection)?,
            None => i64::MAX,
        };
        if over <= 0 {
            return Ok(found);
        }
        let mut taken: HashSet<i64> = found.iter().map(|(seq, _)| *seq).collect();
        taken.extend(gone);
        for seq in taken.iter().filter(|seq| **seq <= followed) {
            over -= self.size.of(connection, *seq)?;
        }
        let mut statement = connection.prepare_cached(self.by_size)?;
        let mut rows = statement.query([followed, ALL])?;
        while over > 0
            && (at_most == ALL || (found.len() as i64) < at_most)
            && let Some(row) = rows.next()?
        {
            let place: Place = (row.get(0)?, row.get(1)?);
            if !taken.contains(&place.0) {
                over -= self.size.of(connection, place.0)?;
                found.push(place);
            }
        }
        Ok(found)
    }

    /// What is too old.
    fn old(
        &self,
        connection: &Connection,
        beyond: &Cutoff,
        at_most: i64,
    ) -> rusqlite::Result<Vec<Place>> {
        let Some(before_us) = beyond.before_us else {
            return Ok(Vec::new());
        };
        let place = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let before = cutoff::first_id(before_us);
        let Some(committed) = beyond.committed else {
            let mut statement = connection.prepare_cached(self.by_date)?;
            return statement
                .query_map(params![before, at_most], place)?
                .collect();
        };
        let mut statement = connection.prepare_cached(self.by_place)?;
        let values = params![
            committed,
            before,
            cutoff::first_id(beyond.ahead_us),
            at_most
        ];
        statement.query_map(values, place)?.collect()
    }
}

/// The first quarter whose sums are kept, where there is a limit. Sums of quarters that lie ahead are not counted.
fn sums_from(connection: &Connection, beyond: &Cutoff) -> rusqlite::Result<Option<i64>> {
    let old = beyond.before_us.map(quarter_of);
    let Some(bytes) = beyond.bytes else {
        return Ok(old);
    };
    let ahead = quarter_of(beyond.ahead_us);
    let count: i64 = connection.query_row(COUNT_SUMS, [ahead], |row| row.get(0))?;
    let beyond = count - signed(bytes) / size::SUM;
    if beyond <= 0 {
        return Ok(old);
    }
    // Only whole quarters are pruned.
    let last: i64 = connection.query_row(NTH_SUM, [beyond - 1], |row| row.get(0))?;
    Ok(old.max(Some(last + 1)))
}

/// Deletes some of the sums before a quarter. Returns how many. They can be added up again while their activities are there.
fn delete_sums(transaction: &Transaction<'_>, first_kept: i64) -> rusqlite::Result<u64> {
    let (mut count, mut of_agents, mut overall) = (0, BTreeSet::new(), BTreeSet::new());
    let mut delete = transaction.prepare_cached(DELETE_SUMS)?;
    let mut rows = delete.query(params![first_kept, STEP])?;
    while let Some(row) = rows.next()? {
        count += 1;
        match SumScope::from_code(row.get(0)?) {
            Some(SumScope::Overall) => drop(overall.insert(row.get(2)?)),
            Some(SumScope::Agent) => drop(of_agents.insert((row.get(1)?, row.get(2)?))),
            _ => {}
        }
    }
    overall.append(&mut forget(&**transaction, &of_agents)?);
    hour::add_up(transaction, overall)?;
    Ok(count)
}

fn started_us((_, id): &Place) -> i64 {
    ActivityId::from_bytes(*id).started_at_us()
}
