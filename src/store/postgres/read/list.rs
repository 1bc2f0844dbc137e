//! Lists of records, newest first.

use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{Snapshot, row};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::{Cursor, List, Record, postgres::connection::Failed},
};

/// Rows that are read at a time.
const STEP: i64 = 500;

/// A record that is listed from this store.
pub(super) trait Listed: Record {
    /// The statement before its conditions, for each table that has such records: those in commit order first.
    const TABLES: &'static [&'static [&'static str]];

    fn read(row: &Row) -> Result<Self>;
}

impl Listed for ActivityRecord {
    const TABLES: &'static [&'static [&'static str]] = &[
        &[row::ACTIVITY, row::ENDED, row::ACTIVITY_JOINS],
        &[row::ACTIVITY, row::OPEN, row::ACTIVITY_JOINS],
    ];

    fn read(row: &Row) -> Result<Self> {
        row::activity(row)
    }
}

impl Listed for EventRecord {
    const TABLES: &'static [&'static [&'static str]] =
        &[&[row::EVENT, row::EVENTS, row::EVENT_JOINS]];

    fn read(row: &Row) -> Result<Self> {
        row::event(row)
    }
}

impl Snapshot<'_> {
    /// Reads rows as records.
    pub(super) fn records<R: Listed>(&self, rows: &[Row]) -> Result<Vec<R>> {
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            let mut record = R::read(row)?;
            record.set_ahead(record.at() >= self.ahead_from);
            records.push(record);
        }
        Ok(records)
    }
}

/// Lists the newest records that match a filter, those ahead of the present last.
pub(super) async fn list<R: Listed>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    limit: usize,
) -> Result<List<R>, Failed> {
    let present = ActivityId::lower_bound(snapshot.ahead_from);
    let mut records = Vec::new();
    if !cursor.is_some_and(Cursor::is_ahead) {
        let before = cursor.map_or(present, |cursor| cursor.key().min(present));
        records = newest(snapshot, filter, (None, Some(before)), limit + 1).await?;
    }
    if records.len() <= limit {
        let before = cursor.filter(|cursor| cursor.is_ahead()).map(Cursor::key);
        let wanted = limit + 1 - records.len();
        records.extend(newest(snapshot, filter, (Some(present), before), wanted).await?);
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(Cursor::after_record);
    Ok(List::new(records, next))
}

/// Reads the newest records that match a filter, with ids from the first bound on and below the second.
async fn newest<R: Listed>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    (from, before): (Option<ActivityId>, Option<ActivityId>),
    wanted: usize,
) -> Result<Vec<R>, Failed> {
    let mut all = Vec::new();
    for table in R::TABLES {
        let sql = [
            table.concat().as_str(),
            "($1::uuid IS NULL OR a.id >= $1) AND ($2::uuid IS NULL OR a.id < $2) ORDER BY a.id DESC LIMIT $3",
        ]
        .concat();
        let id = |id: ActivityId| Uuid::from_bytes(*id.as_bytes());
        let (from, mut before) = (from.map(id), before.map(id));
        let mut found = Vec::new();
        loop {
            let rows = snapshot
                .query(
                    &sql,
                    &[
                        (&from, Type::UUID),
                        (&before, Type::UUID),
                        (&STEP, Type::INT8),
                    ],
                )
                .await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.get("id"));
            let records = snapshot.records::<R>(&rows)?;
            found.extend(records.into_iter().filter(|one| one.matches(filter)));
            if found.len() >= wanted {
                break;
            }
        }
        all.append(&mut found);
    }
    all.sort_unstable_by_key(|one: &R| std::cmp::Reverse(one.id()));
    all.truncate(wanted);
    Ok(all)
}

/// Reads the record with this id.
pub(super) async fn get<R: Listed>(
    snapshot: &Snapshot<'_>,
    id: R::Id,
) -> Result<Option<R>, Failed> {
    let id = Uuid::from_bytes(R::id_bytes(id));
    for table in R::TABLES {
        let sql = [table.concat().as_str(), "a.id = $1"].concat();
        let rows = snapshot.query(&sql, &[(&id, Type::UUID)]).await?;
        if let Some(found) = snapshot.records(&rows)?.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
