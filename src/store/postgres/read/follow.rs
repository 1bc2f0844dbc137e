//! Follows all logs in the order of their batches.
//!
//! A batch gets its place in this order when it is counted in the sums, by one intake at a time. So no batch appears before another one
//! that a follower has passed, whatever order they were committed in.

use tokio_postgres::types::Type;

use super::{Snapshot, list::Listed, row::PER_BATCH};
use crate::{
    error::Result,
    record::Filter,
    store::{CommitPage, Position, RecordKind, postgres::connection::Failed},
};

const NEWEST: &str = "SELECT (SELECT value FROM tower_activity.mark WHERE name = 'store'), \
     (SELECT value FROM tower_activity.mark WHERE name = 'ordinal')";
/// Batches that are read at a time.
const BATCHES: &str = "SELECT id, ordinal FROM tower_activity.batch WHERE ordinal >= $1 AND ordinal <= $2 ORDER BY ordinal LIMIT 100";

/// Reads the position of the newest record that has a place.
pub(super) async fn newest<R: Listed>(snapshot: &Snapshot<'_>) -> Result<Position<R>, Failed> {
    let row = &snapshot.query(NEWEST, &[]).await?[0];
    let (store, ordinal): (i64, i64) = (row.get(0), row.get(1));
    // After all records of the last batch.
    Ok(Position::new(store, ordinal * PER_BATCH + PER_BATCH - 1))
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
    let first = match R::KIND {
        RecordKind::Activities => "first_activity",
        RecordKind::Events => "first_event",
    };
    let sql = [
        R::TABLES[0].concat().as_str(),
        "a.batch = $1 AND a.seq > batch.",
        first,
        " + $2 ORDER BY a.seq LIMIT $3",
    ]
    .concat();
    let (mut from, mut records) = (position.seq(), Vec::new());
    loop {
        let (ordinal, last) = (from / PER_BATCH, newest.seq() / PER_BATCH);
        let batches = snapshot
            .query(BATCHES, &[(&ordinal, Type::INT8), (&last, Type::INT8)])
            .await?;
        if batches.is_empty() {
            return Ok(CommitPage::new(records, newest));
        }
        for batch in batches {
            let (id, ordinal): (i64, i64) = (batch.get(0), batch.get(1));
            let after = match ordinal == from / PER_BATCH {
                true => from % PER_BATCH,
                false => 0,
            };
            let wanted = (limit - records.len()) as i64 + 1;
            let rows = snapshot
                .query(
                    &sql,
                    &[
                        (&id, Type::INT8),
                        (&after, Type::INT8),
                        (&wanted, Type::INT8),
                    ],
                )
                .await?;
            let found = snapshot.records::<R>(&rows)?;
            for record in found {
                if records.len() == limit {
                    return Ok(CommitPage::new(records, Position::new(newest.log(), from)));
                }
                from = record.seq().unwrap_or(from);
                if record.matches(filter) {
                    records.push(record);
                }
            }
            if rows.len() < wanted as usize {
                from = (ordinal + 1) * PER_BATCH;
            }
        }
    }
}
