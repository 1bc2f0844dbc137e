//! Reads the groups of failures: from their sums, and from activities where there are none.

use std::{collections::HashMap, ops::Range};

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::{
    Snapshot,
    compile::{Table, Where},
    failed, scan, spellings,
};
use crate::{
    error::Result,
    record::{ActivityId, Filter, Fingerprint, Text},
    store::{
        FailureGroup, FailureSums, RecordKind, selects_all_failures,
        sqlite::{
            columns::{lossy, unsigned},
            last_seqs::LastSeqs,
            maintenance::{counted, recompute},
        },
        sums::{LAST_QUARTER, OTHERS, QUARTER_US, first_id},
        too_many,
    },
};

const ATTEMPT: &str = "read the groups of errors";
/// Schemas 1 to 3 have no such table.
const HAS_TABLE: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'failure')";
const KEPT: &str = "SELECT fingerprint, name, error_type, count, first, example FROM failure \
     WHERE quarter >= ?1 AND quarter < ?2";
const FIRST: &str = "SELECT first FROM failure WHERE fingerprint = ?1 ORDER BY quarter LIMIT 1";
const ROWS: &str = "SELECT a.id, a.name, a.error_type, a.message FROM activity AS a WHERE a.status > 1 AND a.status = 2 AND ";
const ROWS_BY_SEQ: &str = "SELECT a.id, a.name, a.error_type, a.message FROM activity AS a NOT INDEXED WHERE a.status = 2 AND ";
/// The most rows that are read in commit order to find the failures among them, instead of through their index.
const MOST_BY_SEQ: i64 = 100_000;
const UNCOUNTED: &str = " AND a.seq > ?";
const OLDEST_FIRST: &str = " ORDER BY a.id";
/// The most failures that are read to find out when each was first seen.
const FIRST_SCAN: usize = 100_000;

/// Groups the failures that match a filter. At most `limit` activities are read.
pub(super) fn groups(
    view: &Snapshot<'_>,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<FailureGroup>> {
    let view = &view.transaction;
    let mut sums = FailureSums::default();
    let mut scan = Scan::new(view, limit);
    let kept = kept_quarters(view, filter)?;
    if kept.is_empty() {
        scan.rows(ROWS, filter, None, &mut |failure| failure.add_to(&mut sums))?;
        return Ok(sums.finish());
    }
    let mut take = |failure: Failure| failure.add_to(&mut sums);
    let edges = [first_id(kept.start), first_id(kept.end)];
    let [start, end] = edges.map(ActivityId::started_at);
    let during = |since, until| Filter {
        since,
        until,
        ..Filter::default()
    };
    if filter.since.is_none_or(|since| since < start) {
        scan.rows(ROWS, &during(filter.since, Some(start)), None, &mut take)?;
    }
    if filter.until.is_none_or(|until| until > end) {
        scan.rows(ROWS, &during(Some(end), filter.until), None, &mut take)?;
    }
    let (from, counted) = uncounted(view)?;
    scan.rows(
        from,
        &during(Some(start), Some(end)),
        Some(counted),
        &mut take,
    )?;
    add_kept(view, &kept, &mut scan.texts, &mut sums)?;
    Ok(sums.finish())
}

/// Returns the first failure that matches a filter, by fingerprint, for those of these that have one. At most `limit` failures
/// are read for it, besides the stored groups.
pub(super) fn first(
    view: &Snapshot<'_>,
    filter: &Filter,
    of: &[Fingerprint],
    limit: usize,
) -> Result<HashMap<Fingerprint, ActivityId>> {
    let view = &view.transaction;
    let attempt = || failed(ATTEMPT);
    let mut found = HashMap::new();
    let mut scan = Scan::new(view, limit.min(FIRST_SCAN));
    let mut rows = |from: &str, filter: &Filter, after: Option<i64>| {
        let scanned = scan.rows(from, filter, after, &mut |failure| {
            if of.contains(&failure.fingerprint) {
                let first = found.entry(failure.fingerprint).or_insert(failure.id);
                *first = failure.id.min(*first);
            }
        });
        // What was found until then is true.
        scanned.or_else(|error| match error.is_invalid() {
            true => Ok(()),
            false => Err(error),
        })
    };
    let is_whole = filter.since.is_none() && filter.until.is_none();
    if !is_whole || !selects_all_failures(filter) || !has_table(view)? {
        rows(ROWS, filter, None)?;
        return Ok(found);
    }
    let kept_from = recompute::failures_from(view).map_err(attempt())?;
    if kept_from > 0 {
        let until = Some(first_id(kept_from).started_at());
        let earlier = Filter {
            until,
            ..Filter::default()
        };
        rows(ROWS, &earlier, None)?;
    }
    let (from, counted) = uncounted(view)?;
    rows(from, filter, Some(counted))?;
    let mut statement = view.prepare_cached(FIRST).map_err(attempt())?;
    for fingerprint in of {
        let first = statement.query_row([fingerprint.number()], |row| row.get(0));
        let first = first.optional().map_err(attempt())?;
        if let Some(id) = first.map(ActivityId::from_bytes) {
            let first = found.entry(*fingerprint).or_insert(id);
            *first = id.min(*first);
        }
    }
    Ok(found)
}

/// Returns how to read the failures that are not grouped yet, and the watermark.
fn uncounted(view: &Connection) -> Result<(&'static str, i64)> {
    let read = || {
        let counted = counted::FAILURES.up_to(view)?;
        let newest = LastSeqs::read(view)?.activity;
        Ok((counted, newest))
    };
    let (counted, newest): (i64, i64) = read().map_err(failed(ATTEMPT))?;
    let from = match newest - counted > MOST_BY_SEQ {
        true => ROWS,
        false => ROWS_BY_SEQ,
    };
    Ok((from, counted))
}

/// Returns the whole quarter hours of a filter's window whose sums are kept; none if it has other conditions.
fn kept_quarters(view: &Connection, filter: &Filter) -> Result<Range<i64>> {
    if !selects_all_failures(filter) || !has_table(view)? {
        return Ok(0..0);
    }
    let since = filter.since.map(|at| at.timestamp_micros());
    let first = since.map_or(i64::MIN, |us| {
        us.div_euclid(QUARTER_US) + i64::from(us % QUARTER_US != 0)
    });
    let until = filter
        .until
        .map(|at| at.timestamp_micros().div_euclid(QUARTER_US));
    let kept_from = recompute::failures_from(view).map_err(failed(ATTEMPT))?;
    // No activity starts before the epoch, as its id has the time since then.
    let first = first.max(kept_from).max(0);
    let first = first.min(LAST_QUARTER);
    Ok(first..until.unwrap_or(LAST_QUARTER).clamp(first, LAST_QUARTER))
}

fn has_table(view: &Connection) -> Result<bool> {
    let mut statement = view.prepare_cached(HAS_TABLE).map_err(failed(ATTEMPT))?;
    statement
        .query_row((), |row| row.get(0))
        .map_err(failed(ATTEMPT))
}

/// Adds the stored groups of these quarter hours.
fn add_kept(
    view: &Connection,
    quarters: &Range<i64>,
    texts: &mut scan::Texts<'_>,
    sums: &mut FailureSums,
) -> Result<()> {
    let attempt = || failed(ATTEMPT);
    let mut statement = view.prepare_cached(KEPT).map_err(attempt())?;
    let mut rows = statement
        .query(params![quarters.start, quarters.end])
        .map_err(attempt())?;
    while let Some(row) = rows.next().map_err(attempt())? {
        let mut read = || {
            let number: i64 = row.get(0)?;
            let name = texts.get(row.get(1)?)?.unwrap_or_default();
            let error_type = row.get::<_, Option<String>>(2)?.map(Text::from);
            let ends = [row.get(4)?, row.get(5)?].map(ActivityId::from_bytes);
            let fingerprint = (number != OTHERS).then(|| Fingerprint::from_number(number));
            sums.add_some(
                fingerprint,
                &name,
                error_type.as_ref(),
                ends,
                unsigned(row.get(3)?),
            );
            Ok(())
        };
        read().map_err(attempt())?;
    }
    Ok(())
}

/// A failed activity.
struct Failure {
    id: ActivityId,
    fingerprint: Fingerprint,
    name: Text,
    error_type: Option<Text>,
}

impl Failure {
    fn add_to(self, sums: &mut FailureSums) {
        let error_type = self.error_type.as_ref();
        sums.add_some(
            Some(self.fingerprint),
            &self.name,
            error_type,
            [self.id; 2],
            1,
        );
    }
}

/// Reads failed activities one by one, up to a limit.
struct Scan<'a> {
    view: &'a Connection,
    texts: scan::Texts<'a>,
    limit: usize,
    seen: usize,
}

impl<'a> Scan<'a> {
    fn new(view: &'a Connection, limit: usize) -> Self {
        Scan {
            view,
            texts: scan::Texts::new(view),
            limit,
            seen: 0,
        }
    }

    /// Passes the failures that match a filter to `take`, oldest first, or those with a seq after `after`.
    fn rows(
        &mut self,
        from: &str,
        filter: &Filter,
        after: Option<i64>,
        take: &mut dyn FnMut(Failure),
    ) -> Result<()> {
        let attempt = || failed(ATTEMPT);
        let resolved = spellings::resolve(self.view, filter, RecordKind::Activities)?;
        let clause = Where::for_activities(&resolved, Table::Ended);
        let end = if after.is_some() {
            UNCOUNTED
        } else {
            OLDEST_FIRST
        };
        let sql = [from, &clause.sql, end].concat();
        let values = clause.values.into_iter().chain(after.map(Value::from));
        let mut statement = self.view.prepare_cached(&sql).map_err(attempt())?;
        let mut rows = statement
            .query(params_from_iter(values))
            .map_err(attempt())?;
        while let Some(row) = rows.next().map_err(attempt())? {
            self.seen += 1;
            if self.seen > self.limit {
                return Err(too_many(filter, self.limit));
            }
            let mut read = || {
                let name = self.texts.get(row.get(1)?)?.unwrap_or_default();
                let text = |column| row.get_ref(column).map(lossy);
                let (error_type, message) = (text(2)?, text(3)?);
                let texts = (error_type.as_deref(), message.as_deref());
                Ok(Failure {
                    id: ActivityId::from_bytes(row.get(0)?),
                    fingerprint: Fingerprint::new(&name, texts.0, texts.1),
                    error_type: error_type.map(|text| text.into_owned().into()),
                    name,
                })
            };
            take(read().map_err(attempt())?);
        }
        Ok(())
    }
}
