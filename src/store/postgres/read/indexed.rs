//! Lists through the index of words.

use chrono::TimeDelta;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    compile::{Table, Where, uuid},
    list::{self, Bounds, Listed, Lists, STEP, id_of, key, spans},
    search::Search,
};
use crate::{
    error::Result,
    record::ActivityId,
    store::{LARGEST_PAGE, postgres::connection::Failed},
};

/// The newest rows, in which a search looks before it uses the index: a page of frequent words is full by then.
const NEWEST: i64 = 2_000;
/// The first span of time in which the index is searched. Each following one is three times as long.
const FIRST_SPAN: TimeDelta = TimeDelta::days(1);
const LONGER: i32 = 3;

impl Lists<'_> {
    /// Reads records through the index of words. `base` are conditions that an index in the list's order has.
    ///
    /// Never in the list's order until there are enough: that would read the table for a rare word.
    pub(super) async fn search<R: Listed>(
        &self,
        table: Table,
        search: &Search,
        base: Where,
        bounds: Bounds,
        wanted: usize,
    ) -> Result<Vec<R>, Failed> {
        if !base.is_possible {
            return Ok(Vec::new());
        }
        let start = self.start_of_newest(table, &base, bounds).await?;
        // The parameters of all conditions follow those of the base.
        let base_sql = base.sql.clone();
        let mut clause = base;
        clause.filter(self.filter, table, self.dictionary);
        if !clause.is_possible {
            return Ok(Vec::new());
        }
        let mut compared = clause.clone();
        search.add_comparison_to(&mut compared);
        search.add_to(&mut clause);
        let newest = (start, bounds.1);
        let mut found = self
            .among(table, &base_sql, &compared, newest, wanted)
            .await?;
        if start == bounds.0 {
            return Ok(found);
        }
        for span in spans((bounds.0, start), FIRST_SPAN, LONGER) {
            if found.len() >= wanted {
                break;
            }
            let more = self.indexed(table, &clause, span, wanted - found.len());
            found.extend(more.await?);
        }
        Ok(found)
    }

    /// Returns the bound from which on there are the newest rows, a few thousand at most; the first of the bounds if there are fewer.
    /// A search by the index begins where rows are: after a pause its first spans would be empty, and the next ones long.
    async fn start_of_newest(
        &self,
        table: Table,
        base: &Where,
        bounds: Bounds,
    ) -> Result<Option<ActivityId>, Failed> {
        for span in list::spans_of_lists(bounds) {
            let mut newest = base.clone();
            newest.within(span);
            let offset = newest.bind(NEWEST - 1, Type::INT8);
            let sql = format!(
                "SELECT a.id {} WHERE {} ORDER BY a.id DESC LIMIT 1 OFFSET {offset}",
                table.from(),
                newest.sql
            );
            let last = self.snapshot.query_values(&sql, &newest.values).await?;
            if let Some(row) = last.first() {
                return Ok(Some(id_of(row.get(0))));
            }
        }
        Ok(bounds.0)
    }

    /// Searches the newest rows one by one, without the index of words.
    async fn among<R: Listed>(
        &self,
        table: Table,
        newest: &str,
        clause: &Where,
        (from, mut before): Bounds,
        wanted: usize,
    ) -> Result<Vec<R>, Failed> {
        let step = (wanted * 2).clamp(100, STEP);
        let mut found = Vec::new();
        loop {
            let mut all = clause.clone();
            let limit = all.bind(step as i64, Type::INT8);
            let mut bounds = String::new();
            for (comparison, id) in [(">=", from), ("<", before)] {
                if let Some(id) = id {
                    let parameter = all.bind(uuid(id), Type::UUID);
                    bounds.extend([" AND a.id ", comparison, " ", &parameter]);
                }
            }
            // An offset keeps the planner from using the index of words.
            let sql = format!(
                "{} FROM (SELECT a.* FROM (SELECT a.* {} WHERE {newest}{bounds} ORDER BY a.id DESC OFFSET 0) AS a \
                 WHERE {} ORDER BY a.id DESC LIMIT {limit}) AS a ORDER BY a.id DESC",
                R::COLUMNS,
                table.from(),
                all.sql,
            );
            let rows = self.snapshot.query_values(&sql, &all.values).await?;
            let records = self.snapshot.records::<R>(&rows)?;
            let is_last = records.len() < step;
            before = records.last().map(key).or(before);
            found.extend(records.into_iter().filter(|one| one.matches(self.filter)));
            if is_last || found.len() >= wanted {
                return Ok(found);
            }
        }
    }

    /// Searches a span of time by the index of words.
    async fn indexed<R: Listed>(
        &self,
        table: Table,
        clause: &Where,
        (from, mut before): Bounds,
        wanted: usize,
    ) -> Result<Vec<R>, Failed> {
        let step = (wanted * 2).clamp(100, STEP);
        let mut found = Vec::new();
        loop {
            let mut all = clause.clone();
            all.within((from, before));
            let limit = all.bind(step as i64, Type::INT8);
            // All of the span, and then the newest: with a limit the planner might walk the rows in their order.
            let sql = format!(
                "WITH found AS MATERIALIZED (SELECT a.id {} WHERE {}) SELECT id FROM found ORDER BY id DESC LIMIT {limit}",
                table.from(),
                all.sql
            );
            let rows = self.snapshot.query_values(&sql, &all.values).await?;
            let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
            let is_last = ids.len() < step;
            before = ids.last().map(|id| id_of(*id)).or(before);
            for ids in ids.chunks((wanted + 10).min(LARGEST_PAGE)) {
                let records = self.snapshot.with_ids::<R>(table, ids.to_vec()).await?;
                found.extend(records.into_iter().filter(|one| one.matches(self.filter)));
                if found.len() >= wanted {
                    return Ok(found);
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }
}
