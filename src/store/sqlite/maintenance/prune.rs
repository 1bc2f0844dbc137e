//! Pruning: what is too old or too much goes, the oldest first, a short transaction at a time.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{Connection, Transaction, params};

use super::{
    plan::{self, Beyond, Plan},
    recordings,
    search::{self, Indexed, Place},
    size::{self, Size},
};
use crate::{
    record::ActivityId,
    store::{
        Pruned, RowKind,
        meaning::{Code, SumScope, forget, quarter_of},
        sqlite::{
            columns::{signed, unsigned},
            marks::Mark,
            write::{ledger, sums::hour},
        },
    },
};

/// Rows of one kind that one step deletes: some milliseconds, in which nobody can write.
const STEP: i64 = 200;
/// All rows, where SQLite takes a limit.
const ALL: i64 = -1;

/// Rows that are deleted in the same way.
struct Sort {
    /// What started before ?1, the oldest first: seq and id.
    by_date: &'static str,
    /// What was committed up to ?1 and started before ?2, or from ?3 on, in the order of commits.
    by_place: &'static str,
    /// What was committed up to ?1, in the order of commits.
    by_size: &'static str,
    /// Deletes the preview.
    delete_preview: Option<&'static str>,
    /// Which rows of the ledger go; `None`: only previews.
    kind: Option<RowKind>,
    /// What follows their table.
    index: &'static Indexed,
    size: Size,
}

// Of a deleted row that had the highest seq the number would be given again, to a row that followers then miss.
const ACTIVITIES: Sort = Sort {
    by_date: "SELECT seq, id FROM activity INDEXED BY activity_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM activity) ORDER BY id LIMIT ?2",
    by_place: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM activity) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM activity NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM activity) \
         ORDER BY seq LIMIT ?2",
    delete_preview: Some(DELETE_PREVIEW),
    kind: Some(RowKind::Activity),
    index: &search::ACTIVITIES,
    size: size::ACTIVITIES,
};
const EVENTS: Sort = Sort {
    by_date: "SELECT seq, id FROM event INDEXED BY event_id \
         WHERE id < ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY id LIMIT ?2",
    by_place: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND (id < ?2 OR id >= ?3) \
         AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?4",
    by_size: "SELECT seq, id FROM event NOT INDEXED WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM event) \
         ORDER BY seq LIMIT ?2",
    delete_preview: None,
    kind: Some(RowKind::Event),
    index: &search::EVENTS,
    size: size::EVENTS,
};
const PREVIEWS: Sort = Sort {
    by_date: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE a.id < ?1 ORDER BY p.activity LIMIT ?2",
    by_place: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 AND (a.id < ?2 OR a.id >= ?3) ORDER BY p.activity LIMIT ?4",
    by_size: "SELECT p.activity, a.id FROM preview AS p CROSS JOIN activity AS a ON a.seq = p.activity \
         WHERE p.activity <= ?1 ORDER BY p.activity LIMIT ?2",
    delete_preview: Some(DELETE_PREVIEW),
    kind: None,
    index: &search::ACTIVITIES,
    size: size::PREVIEWS,
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
pub(super) fn count(connection: &Connection, plan: &Plan) -> rusqlite::Result<Pruned> {
    let nothing = HashSet::new();
    let count = |sort: &Sort, beyond: &Beyond, gone: &HashSet<i64>| {
        sort.beyond(connection, beyond, ALL, gone)
    };
    let activities = count(&ACTIVITIES, &plan.activities, &nothing)?;
    let gone = activities.iter().map(|(seq, _)| *seq).collect();
    let sums = match sums_from(connection, &plan.sums)? {
        None => 0,
        Some(first) => connection.query_row(OLD_SUMS, [first], |row| row.get::<_, i64>(0))?,
    };
    Ok(Pruned {
        activities: activities.len() as u64,
        events: count(&EVENTS, &plan.events, &nothing)?.len() as u64,
        previews: count(&PREVIEWS, &plan.previews, &gone)?.len() as u64,
        sums: unsigned(sums),
        ..recordings::prunable(connection, &plan.recordings)?
    })
}

/// Whether there is anything to delete: asked first, as a step keeps writers out also where it finds nothing.
pub(super) fn is_due(connection: &Connection, plan: &Plan) -> rusqlite::Result<bool> {
    let sorts = [
        (&ACTIVITIES, &plan.activities),
        (&EVENTS, &plan.events),
        (&PREVIEWS, &plan.previews),
    ];
    for (sort, beyond) in sorts {
        let found = sort.beyond(connection, beyond, 1, &HashSet::new())?;
        if !found.is_empty() {
            return Ok(true);
        }
    }
    if let Some(first) = sums_from(connection, &plan.sums)?
        && connection.query_row(ANY_OLD_SUMS, [first], |row| row.get(0))?
    {
        return Ok(true);
    }
    let recording = recordings::due(connection, &plan.recordings)?;
    Ok(recording.is_some())
}

/// Deletes a part of it. All rows that retention deletes are deleted here and in `recordings::prune`.
pub(super) fn step(transaction: &Transaction<'_>, plan: &Plan) -> rusqlite::Result<Pruned> {
    let activities = ACTIVITIES.prune(transaction, &plan.activities)?;
    let quarters = activities.iter().map(started_us);
    let quarters = quarters.map(quarter_of);
    mark(transaction, &quarters.collect())?;
    let mut pruned = Pruned {
        activities: activities.len() as u64,
        events: EVENTS.prune(transaction, &plan.events)?.len() as u64,
        ..recordings::prune(transaction, &plan.recordings)?
    };
    if activities.is_empty() {
        // Those of activities that go have gone with them.
        let previews = PREVIEWS.prune(transaction, &plan.previews)?;
        pruned.previews = previews.len() as u64;
    }
    if let Some(first) = sums_from(transaction, &plan.sums)? {
        pruned.sums = delete_sums(transaction, first)?;
        if pruned.sums > 0 {
            // Where no sums are any more, they are not compared with their activities.
            Mark::SumsDeleted.raise(transaction, first)?;
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
    /// Deletes some of what is beyond a limit. Gives what went.
    fn prune(
        &self,
        transaction: &Transaction<'_>,
        beyond: &Beyond,
    ) -> rusqlite::Result<Vec<Place>> {
        let found = self.beyond(transaction, beyond, STEP, &HashSet::new())?;
        self.index.change(transaction, &found, || {
            if let Some(sql) = self.delete_preview {
                let mut delete = transaction.prepare_cached(sql)?;
                for (seq, _) in &found {
                    delete.execute([seq])?;
                }
            }
            if let Some(kind) = self.kind {
                ledger::delete(transaction, kind, found.iter().map(|(seq, _)| *seq))?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// What is beyond a limit: what is too old, and of the rest what was committed first, for as long as there is too much.
    /// Without what is `gone` already.
    fn beyond(
        &self,
        connection: &Connection,
        beyond: &Beyond,
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
        let followed = self.index.followed(connection)?;
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
        beyond: &Beyond,
        at_most: i64,
    ) -> rusqlite::Result<Vec<Place>> {
        let Some(before_us) = beyond.before_us else {
            return Ok(Vec::new());
        };
        let place = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let before = plan::bound(before_us);
        let Some(committed) = beyond.committed else {
            let mut statement = connection.prepare_cached(self.by_date)?;
            return statement
                .query_map(params![before, at_most], place)?
                .collect();
        };
        let mut statement = connection.prepare_cached(self.by_place)?;
        let values = params![committed, before, plan::bound(beyond.ahead_us), at_most];
        statement.query_map(values, place)?.collect()
    }
}

/// The first quarter whose sums are kept, where there is a limit. Sums of quarters that lie ahead are not counted.
fn sums_from(connection: &Connection, beyond: &Beyond) -> rusqlite::Result<Option<i64>> {
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
