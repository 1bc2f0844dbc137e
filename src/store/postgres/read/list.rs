//! Lists of records, newest first.

use std::{cmp::Reverse, collections::BTreeSet};

use chrono::TimeDelta;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::{
    Snapshot,
    compile::{Table, Where},
    dictionary::Dictionary,
    row,
    search::Search,
};
use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::{
        Cursor, LARGEST_PAGE, List, Record,
        postgres::connection::{Failed, all},
    },
};

/// The most rows that are read at a time to compare them one by one.
pub(super) const STEP: usize = 2 * LARGEST_PAGE;
/// The first span of time of a list, and how many times longer each following one is.
const FIRST_SPAN: TimeDelta = TimeDelta::days(3);
const LONGER: i32 = 10;
/// After a span of this length comes all that is older.
const LONGEST_SPAN: TimeDelta = TimeDelta::days(1_000);
/// Up to this many projects are read one by one, each through its index, and merged.
const MERGED_PROJECTS: usize = 16;

/// Ids from the first on, and below the second.
pub(super) type Bounds = (Option<ActivityId>, Option<ActivityId>);

/// A record that is listed from this store.
pub(super) trait Listed: Record {
    /// The tables that have such records, those in commit order first.
    const TABLES: &'static [Table];
    /// The columns of [`read`](Self::read).
    const COLUMNS: &'static str;

    fn read(row: &Row) -> Result<Self>;
}

impl Listed for ActivityRecord {
    const TABLES: &'static [Table] = &[Table::Ended, Table::Open];
    const COLUMNS: &'static str = row::ACTIVITY;

    fn read(row: &Row) -> Result<Self> {
        row::activity(row)
    }
}

impl Listed for EventRecord {
    const TABLES: &'static [Table] = &[Table::Events];
    const COLUMNS: &'static str = row::EVENT;

    fn read(row: &Row) -> Result<Self> {
        row::event(row)
    }
}

impl Table {
    pub(super) fn from(self) -> &'static str {
        match self {
            Table::Ended => row::ENDED,
            Table::Open => row::OPEN,
            Table::Events => row::EVENTS,
        }
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

    /// Reads the first records of a table that fulfil conditions.
    pub(super) async fn select<R: Listed>(
        &self,
        table: Table,
        clause: &Where,
        order: &str,
        limit: usize,
    ) -> Result<Vec<R>, Failed> {
        if !clause.is_possible {
            return Ok(Vec::new());
        }
        let mut all = clause.clone();
        let limit = all.bind(limit as i64, Type::INT8);
        let from = table.from();
        // The limit first: the columns are looked up for few rows.
        let sql = format!(
            "{} FROM (SELECT a.* {from} WHERE {} ORDER BY {order} LIMIT {limit}) AS a ORDER BY {order}",
            R::COLUMNS,
            all.sql
        );
        let rows = self.query_values(&sql, &all.values).await?;
        Ok(self.records(&rows)?)
    }
}

impl Snapshot<'_> {
    /// Reads the records with these ids, newest first.
    pub(super) async fn with_ids<R: Listed>(
        &self,
        table: Table,
        ids: Vec<Uuid>,
    ) -> Result<Vec<R>, Failed> {
        let count = ids.len();
        let mut clause = Where::everything();
        let parameter = clause.bind(ids, Type::UUID_ARRAY);
        clause.and(&format!("a.id = ANY({parameter})"));
        self.select(table, &clause, "a.id DESC", count).await
    }
}

/// Lists the newest records that match a filter, those ahead of the present last.
pub(super) async fn list<R: Listed>(
    snapshot: &Snapshot<'_>,
    filter: &Filter,
    cursor: Option<Cursor<R>>,
    limit: usize,
) -> Result<List<R>, Failed> {
    let dictionary = Dictionary::of(snapshot, filter).await?;
    let lists = Lists {
        snapshot,
        filter,
        dictionary: &dictionary,
    };
    let present = ActivityId::lower_bound(snapshot.ahead_from);
    // Records that were ahead when the list began may not be any more: they stay in their part.
    let is_ahead = cursor.is_some_and(|cursor| cursor.is_ahead() || cursor.key() >= present);
    let mut records = Vec::new();
    if !is_ahead {
        let before = cursor.map_or(present, |cursor| cursor.key().min(present));
        records = lists.newest((None, Some(before)), limit + 1).await?;
    }
    if records.len() <= limit && filter.until.is_none_or(|until| until > snapshot.ahead_from) {
        let before = cursor.filter(|_| is_ahead).map(Cursor::key);
        let wanted = limit + 1 - records.len();
        records.extend(lists.newest((Some(present), before), wanted).await?);
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(Cursor::after_record);
    Ok(List::new(records, next))
}

/// The lists of one filter.
pub(super) struct Lists<'a> {
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) filter: &'a Filter,
    pub(super) dictionary: &'a Dictionary,
}

impl Lists<'_> {
    /// Reads the newest records within bounds.
    async fn newest<R: Listed>(&self, bounds: Bounds, wanted: usize) -> Result<Vec<R>, Failed> {
        let projects = match self.projects() {
            Some(projects) => projects.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let mut parts = Vec::new();
        for table in R::TABLES {
            for project in &projects {
                let part = self.of_project::<R>(*table, bounds, wanted, *project);
                parts.push(Box::pin(part));
            }
        }
        let mut all = all(parts).await?.concat();
        // The sort is stable, so the ended one of an activity in both tables is kept.
        all.sort_by_key(|one: &R| Reverse(one.id()));
        all.dedup_by_key(|one| one.id());
        all.truncate(wanted);
        Ok(all)
    }

    /// The numbers of a few projects: the index is in the list's order only within one.
    fn projects(&self) -> Option<Vec<i64>> {
        let any_of = &self.filter.project.any_of;
        let mut numbers = Vec::new();
        for pattern in any_of {
            let texts = self.dictionary.texts(pattern)?;
            numbers.extend(texts.iter().map(|(number, _)| *number));
        }
        numbers.sort_unstable();
        numbers.dedup();
        (2..=MERGED_PROJECTS)
            .contains(&numbers.len())
            .then_some(numbers)
    }

    /// Reads the newest records of a table, of a project if there is one.
    async fn of_project<R: Listed>(
        &self,
        table: Table,
        bounds: Bounds,
        wanted: usize,
        project: Option<i64>,
    ) -> Result<Vec<R>, Failed> {
        let mut clause = Where::everything();
        if let Some(project) = project {
            clause.and_value("a.project = ", project, Type::INT8);
        }
        match Search::new(self.filter, table, self.dictionary) {
            Some(search) => {
                let base = self.base(clause, table, project);
                self.search(table, &search, base, bounds, wanted).await
            }
            None => {
                clause.filter(self.filter, table, self.dictionary);
                self.walk(table, &clause, bounds, wanted).await
            }
        }
    }

    /// Adds the conditions that an index in the list's order has.
    fn base(&self, mut clause: Where, table: Table, project: Option<i64>) -> Where {
        let mut base = Filter {
            since: self.filter.since,
            until: self.filter.until,
            ..Filter::default()
        };
        if project.is_none() && self.filter.project.any_of.len() == 1 {
            base.project.any_of.clone_from(&self.filter.project.any_of);
        } else if project.is_none() && self.filter.status.any_of.len() == 1 {
            base.status.any_of.clone_from(&self.filter.status.any_of);
        }
        clause.filter(&base, table, self.dictionary);
        clause
    }

    /// Reads in the list's order until there are enough.
    async fn walk<R: Listed>(
        &self,
        table: Table,
        clause: &Where,
        bounds: Bounds,
        wanted: usize,
    ) -> Result<Vec<R>, Failed> {
        let mut found = Vec::new();
        let mut step = match clause.is_exact {
            true => wanted,
            false => (wanted * 2).max(100),
        };
        let spans = match table {
            Table::Open => vec![bounds],
            Table::Ended | Table::Events => spans_of_lists(bounds),
        };
        for (from, mut before) in spans {
            loop {
                let mut page = clause.clone();
                page.within((from, before));
                let records: Vec<R> = self
                    .snapshot
                    .select(table, &page, "a.id DESC", step)
                    .await?;
                let is_last = records.len() < step;
                before = records.last().map(key).or(before);
                found.extend(records.into_iter().filter(|one| one.matches(self.filter)));
                if found.len() >= wanted {
                    return Ok(found);
                }
                if is_last {
                    break;
                }
                step = (step * 2).min(STEP);
            }
        }
        Ok(found)
    }
}

/// The spans of time in which a list is read.
pub(super) fn spans_of_lists(bounds: Bounds) -> Vec<Bounds> {
    spans(bounds, FIRST_SPAN, LONGER)
}

/// Splits bounds into spans of time, newest first, each longer than the one before. A statement is planned with all partitions that
/// it may read, and most lists end in the first days.
pub(super) fn spans((from, before): Bounds, first: TimeDelta, longer: i32) -> Vec<Bounds> {
    let (mut spans, mut end, mut span) = (Vec::new(), before, first);
    while let Some(before) = end.filter(|_| span <= LONGEST_SPAN) {
        let start = before.started_at().checked_sub_signed(span);
        let start = start.map(ActivityId::lower_bound);
        if start.is_none() || start <= from {
            break;
        }
        spans.push((start, end));
        end = start;
        span = span.checked_mul(longer).unwrap_or(TimeDelta::MAX);
    }
    spans.push((from, end));
    spans
}

/// Returns the id of a record as that of an activity, which has the same order.
pub(super) fn key<R: Record>(one: &R) -> ActivityId {
    ActivityId::from_bytes(R::id_bytes(one.id()))
}

pub(super) fn id_of(id: Uuid) -> ActivityId {
    ActivityId::from_bytes(id.into_bytes())
}

/// Reads the records with these ids.
pub(super) async fn get_all<R: Listed>(
    snapshot: &Snapshot<'_>,
    ids: &[R::Id],
) -> Result<Vec<R>, Failed> {
    let ids = ids.iter().map(|id| Uuid::from_bytes(R::id_bytes(*id)));
    let ids: Vec<Uuid> = ids.collect();
    let (Some(min), Some(max)) = (ids.iter().min().copied(), ids.iter().max().copied()) else {
        return Ok(Vec::new());
    };
    let (limit, mut clause) = (ids.len(), Where::everything());
    let all = clause.bind(ids, Type::UUID_ARRAY);
    clause.and(&format!("a.id = ANY({all})"));
    // Only the partitions between them are read.
    clause.and_value("a.id >= ", min, Type::UUID);
    clause.and_value("a.id <= ", max, Type::UUID);
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for table in R::TABLES {
        let records = snapshot.select::<R>(*table, &clause, "a.id", limit).await?;
        found.extend(records.into_iter().filter(|one| known.insert(one.id())));
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}
