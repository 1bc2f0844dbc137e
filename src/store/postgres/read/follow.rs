//! Follows all logs in the order of their batches.
//!
//! A batch gets its place in this order when it is counted in the sums, by one intake at a time. So no batch appears before another one
//! that a follower has passed, whatever order they were committed in.

use tokio_postgres::types::Type;

use super::{
    Snapshot,
    compile::{Table, Where},
    dictionary::{Dictionary, Texts},
    list::Listed,
    tree::status,
};
use crate::{
    error::Result,
    record::{ActivityRecord, Filter, Status},
    store::{
        CommitPage, CountedActivity, LARGEST_PAGE, Position, RecordKind,
        batch_span::{BatchSpan, PER_BATCH, PlacedBatch, first_after, last_of},
        postgres::connection::Failed,
    },
};

const NEWEST: &str = "SELECT (SELECT value FROM tower_activity.mark WHERE name = 'store'), \
     (SELECT value FROM tower_activity.mark WHERE name = 'ordinal')";
/// Batches that are looked at in one go.
const ACTIVITY_BATCHES: &str = "SELECT id, ordinal, first_activity, last_activity, min_activity, max_activity FROM tower_activity.batch \
     WHERE ordinal >= $1 AND ordinal <= $2 AND min_activity IS NOT NULL ORDER BY ordinal LIMIT 100";
const EVENT_BATCHES: &str = "SELECT id, ordinal, first_event, last_event, min_event, max_event FROM tower_activity.batch \
     WHERE ordinal >= $1 AND ordinal <= $2 AND min_event IS NOT NULL ORDER BY ordinal LIMIT 100";
const COUNTED: &str = "SELECT a.name, a.project, a.status, a.duration_ns, a.error_type FROM tower_activity.activity AS a WHERE ";
/// Counts the places in batches from the first one on. Of the batch with the second number the first places are not counted.
const ACTIVITIES_BEHIND: &str = "SELECT least(coalesce(sum(greatest(0, last_activity - first_activity - CASE WHEN ordinal = $2 THEN $3 ELSE 0 END)), 0), 1e18)::bigint \
     FROM tower_activity.batch WHERE ordinal >= $1";
const EVENTS_BEHIND: &str = "SELECT least(coalesce(sum(greatest(0, last_event - first_event - CASE WHEN ordinal = $2 THEN $3 ELSE 0 END)), 0), 1e18)::bigint \
     FROM tower_activity.batch WHERE ordinal >= $1";
/// The most places in which the server looks for records in one go.
const PLACES: i64 = 20_000;

/// Reads the position of the newest record that has a place.
pub(super) async fn newest<R: Listed>(snapshot: &Snapshot<'_>) -> Result<Position<R>, Failed> {
    let row = &snapshot.query(NEWEST, &[]).await?[0];
    let (store, ordinal): (i64, i64) = (row.get(0), row.get(1));
    // After all records of the last batch.
    Ok(Position::new(store, last_of(ordinal)))
}

/// Counts the places after a position: those in the order of its log, of which a batch may have fewer than there are positions in it.
pub(super) async fn behind<R: Listed>(
    snapshot: &Snapshot<'_>,
    position: Position<R>,
) -> Result<u64, Failed> {
    if !position.is_in_log_of(newest::<R>(snapshot).await?) {
        return Ok(0);
    }
    let sql = match R::KIND {
        RecordKind::Activities => ACTIVITIES_BEHIND,
        RecordKind::Events => EVENTS_BEHIND,
    };
    let values = [
        (&first_after(position.seq()) as _, Type::INT8),
        (&(position.seq() / PER_BATCH) as _, Type::INT8),
        (&(position.seq() % PER_BATCH) as _, Type::INT8),
    ];
    let count: i64 = snapshot.query(sql, &values).await?[0].get(0);
    Ok(count.cast_unsigned())
}

impl BatchSpan {
    /// Finds the next batches after a position that have records, with at most so many places; `None` after the last.
    async fn next(
        snapshot: &Snapshot<'_>,
        kind: RecordKind,
        from: i64,
        newest: i64,
        most: i64,
    ) -> Result<Option<Self>, Failed> {
        let sql = match kind {
            RecordKind::Activities => ACTIVITY_BATCHES,
            RecordKind::Events => EVENT_BATCHES,
        };
        let (first, last) = (first_after(from), newest / PER_BATCH);
        let values = [(&first as _, Type::INT8), (&last as _, Type::INT8)];
        let rows = snapshot.query(sql, &values).await?;
        let batches = rows.iter().map(|row| PlacedBatch {
            id: row.get(0),
            ordinal: row.get(1),
            places: (row.get(2), row.get(3)),
            ids: (row.get(4), row.get(5)),
        });
        Ok(BatchSpan::first(batches, from, most))
    }

    /// Adds the conditions for their records, and returns the order of these.
    fn add_to(&self, clause: &mut Where) -> String {
        let ids = clause.bind(self.ids.clone(), Type::INT8_ARRAY);
        let min = clause.bind(self.ids_between.0, Type::UUID);
        let max = clause.bind(self.ids_between.1, Type::UUID);
        let first = clause.bind(self.after.0, Type::INT8);
        let after = clause.bind(self.after.1, Type::INT8);
        let last = clause.bind(self.ids.last().copied().unwrap_or_default(), Type::INT8);
        let up_to = clause.bind(self.up_to, Type::INT8);
        clause.and(&format!(
            "a.batch = ANY({ids}) AND a.id BETWEEN {min} AND {max} AND (a.batch <> {first} OR a.seq > {after}) \
             AND (a.batch <> {last} OR a.seq <= {up_to})"
        ));
        format!("array_position({ids}, a.batch), a.seq")
    }
}

/// Reads the records after a position that match a filter.
pub(super) async fn after<R: Listed>(
    snapshot: &Snapshot<'_>,
    position: Position<R>,
    filter: &Filter,
    limit: usize,
) -> Result<CommitPage<R>, Failed> {
    let newest = newest::<R>(snapshot).await?;
    if !position.is_in_log_of(newest) || position.seq() > newest.seq() {
        return Ok(CommitPage::restarted(newest));
    }
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let clause = Where::new(filter, R::TABLES[0], &dictionary);
    let largest = match clause.is_exact {
        true => PLACES,
        false => LARGEST_PAGE as i64,
    };
    // As many as may be wanted, and more where few of them match.
    let mut most = (limit as i64).min(largest);
    let (mut from, mut records) = (position.seq(), Vec::new());
    if !clause.is_possible {
        return Ok(CommitPage::new(records, newest));
    }
    loop {
        let next = BatchSpan::next(snapshot, R::KIND, from, newest.seq(), most).await?;
        let Some(batches) = next else { break };
        let mut all = clause.clone();
        let order = batches.add_to(&mut all);
        let wanted = match clause.is_exact {
            true => limit - records.len(),
            false => LARGEST_PAGE,
        };
        let found: Vec<R> = snapshot.select(R::TABLES[0], &all, &order, wanted).await?;
        for record in found {
            from = record.seq().unwrap_or(from);
            if record.matches(filter) {
                records.push(record);
            }
            if records.len() == limit {
                return Ok(CommitPage::new(records, Position::new(newest.log(), from)));
            }
        }
        from = batches.end;
        most = (most * 4).min(largest);
    }
    Ok(CommitPage::new(records, newest))
}

/// Passes the activities that match a filter to `take`, of up to `limit` commits after a position.
pub(super) async fn count_after(
    snapshot: &Snapshot<'_>,
    position: Position<ActivityRecord>,
    filter: &Filter,
    limit: usize,
    take: &mut dyn FnMut(CountedActivity),
) -> Result<CommitPage<ActivityRecord>, Failed> {
    let newest = newest::<ActivityRecord>(snapshot).await?;
    if !position.is_in_log_of(newest) || position.seq() > newest.seq() {
        return Ok(CommitPage::restarted(newest));
    }
    let from = position.seq();
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let mut clause = Where::new(filter, Table::Ended, &dictionary);
    let most = match clause.is_exact {
        true => i64::try_from(limit.max(1)).unwrap_or(i64::MAX),
        false => limit.clamp(1, LARGEST_PAGE) as i64,
    };
    let next = BatchSpan::next(snapshot, RecordKind::Activities, from, newest.seq(), most).await?;
    let batches = match next {
        Some(batches) if clause.is_possible => batches,
        _ => return Ok(CommitPage::new(Vec::new(), newest)),
    };
    let order = batches.add_to(&mut clause);
    if clause.is_exact {
        count(snapshot, &clause, take).await?;
    } else {
        let found = snapshot.select::<ActivityRecord>(Table::Ended, &clause, &order, LARGEST_PAGE);
        let found = found.await?.into_iter().filter(|one| filter.matches(one));
        found.map(CountedActivity::from).for_each(take);
    }
    Ok(CommitPage::new(
        Vec::new(),
        Position::new(newest.log(), batches.end),
    ))
}

/// Passes the activities that fulfil conditions to `take`, in any order.
async fn count(
    snapshot: &Snapshot<'_>,
    clause: &Where,
    take: &mut dyn FnMut(CountedActivity),
) -> Result<(), Failed> {
    let sql = [COUNTED, &clause.sql].concat();
    let rows = snapshot.query_values(&sql, &clause.values).await?;
    let mut texts = Texts::default();
    let numbers = rows
        .iter()
        .flat_map(|row| [0, 1].map(|column| row.get(column)));
    texts.load(snapshot, numbers).await?;
    for row in rows {
        let status = status(row.get(2))?;
        let error_type: Option<String> = row.get(4);
        take(CountedActivity {
            name: texts.get(row.get(0)).unwrap_or_default(),
            project: texts.get(row.get(1)),
            status,
            duration_ns: row.get::<_, Option<i64>>(3).map(i64::cast_unsigned),
            error_type: error_type
                .filter(|_| status == Status::Failed)
                .map(Into::into),
        });
    }
    Ok(())
}
