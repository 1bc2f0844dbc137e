//! Maintains a central store: limits, deletion, erasure, rebuilding, tokens.

mod erase;
mod rebuild;
pub(super) mod retention;
pub(super) mod token;

use std::ops::Range;

use chrono::{DateTime, Utc};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{
    columns::uuid,
    connection::{Connection, Failed, Parameter, query},
    migrate,
};
use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventRecord, LAST_US},
    store::{
        AccessToken, ClockReading, EraseCounts, Limit, Maintenance, Position, Prune, PruneCounts,
        Retention, sealed, sums::quarter_of,
    },
};

const BEGIN: &str = "SET LOCAL lock_timeout = '10s'";
const DAY_US: i64 = 86_400_000_000;
/// The days that an id can express.
const MOST_DAYS: i64 = LAST_US / DAY_US;
/// Rows per transaction, where no partition is dropped.
const STEP: i64 = 1000;

const NOW: &str = "SELECT (extract(epoch FROM now()) * 1000000)::bigint";
const FIRST_KEPT_DAY: &str = "SELECT tower_activity.first_kept($1, $2, $3, $4)";
/// The first quarter hour whose activities are kept.
const FIRST_KEPT: &str =
    "SELECT value * 96 FROM tower_activity.mark WHERE name = 'activity_horizon'";
/// No batch is counted meanwhile.
const LOCK_FOLDERS: &str =
    "SELECT value FROM tower_activity.mark WHERE name = 'ordinal' FOR UPDATE";
/// Waits for the batches that are being accepted: later ones see what this transaction has changed. Also for one that has locked the
/// row of its log and not changed it yet: it would wait for this transaction, which may change the same row.
const WAIT_FOR_INTAKES: &str = "LOCK TABLE tower_activity.log IN EXCLUSIVE MODE";
const RAISE_HORIZON: &str = "SELECT tower_activity.raise_horizon($1, $2)";
const RAISE: &str = "UPDATE tower_activity.mark SET value = greatest(value, $2) WHERE name = $1";
/// The tables of days before $2, oldest first, and how they are attached: NULL: no longer, true: their detachment was interrupted.
const OLD_DAYS: &str = "SELECT c.relname::text, i.inhdetachpending FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid \
     WHERE c.relnamespace = 'tower_activity'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || $1 || '_[0-9]+$') \
       AND substring(c.relname FROM '[0-9]+$')::bigint < $2 ORDER BY substring(c.relname FROM '[0-9]+$')::bigint";
/// Days go with their first quarter hour: the rest of them is read from quarter hours.
const OLD_QUARTERS: [&str; 6] = [
    "DELETE FROM tower_activity.bucket WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.bucket WHERE quarter < $1 LIMIT $2))",
    "DELETE FROM tower_activity.agent_quarter WHERE ctid = ANY(ARRAY( \
       SELECT ctid FROM tower_activity.agent_quarter WHERE quarter < $1 LIMIT $2))",
    "DELETE FROM tower_activity.turn_bucket WHERE ctid = ANY(ARRAY( \
       SELECT ctid FROM tower_activity.turn_bucket WHERE quarter < $1 LIMIT $2))",
    "DELETE FROM tower_activity.bucket_day WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.bucket_day WHERE quarter < $1 LIMIT $2))",
    "DELETE FROM tower_activity.agent_day WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.agent_day WHERE quarter < $1 LIMIT $2))",
    "DELETE FROM tower_activity.failure WHERE ctid = ANY(ARRAY(SELECT ctid FROM tower_activity.failure WHERE quarter < $1 LIMIT $2))",
];
const COUNT_QUARTERS: &str = "SELECT (SELECT count(*) FROM tower_activity.bucket WHERE quarter < $1) \
     + (SELECT count(*) FROM tower_activity.agent_quarter WHERE quarter < $1) \
     + (SELECT count(*) FROM tower_activity.turn_bucket WHERE quarter < $1) \
     + (SELECT count(*) FROM tower_activity.bucket_day WHERE quarter < $1) \
     + (SELECT count(*) FROM tower_activity.agent_day WHERE quarter < $1) \
     + (SELECT count(*) FROM tower_activity.failure WHERE quarter < $1)";
const COUNT_RECORDINGS: &str = "SELECT count(*), (SELECT count(*) FROM tower_activity.chunk AS c \
       JOIN tower_activity.recording AS r ON r.id = c.recording WHERE r.id < $1 AND r.status <> 0) \
     FROM tower_activity.recording WHERE id < $1 AND status <> 0";
const OLD_RECORDINGS: &str =
    "SELECT id FROM tower_activity.recording WHERE id < $1 AND status <> 0 ORDER BY id LIMIT $2";
const DELETE_CHUNKS: &str = "DELETE FROM tower_activity.chunk WHERE recording = ANY($1::uuid[])";
const DELETE_LINKS: &str = "DELETE FROM tower_activity.link WHERE recording = ANY($1::uuid[])";
const DELETE_RECORDINGS: &str = "DELETE FROM tower_activity.recording WHERE id = ANY($1::uuid[])";

/// Maintains a central store. Ages are measured from dates, by the clock of the server.
#[derive(Debug)]
pub(super) struct PostgresMaintenance {
    connection: Connection,
}

/// The bounds before which records are deleted.
struct Cutoffs {
    /// Days of activities and of events, with their table.
    days: [(&'static str, Option<i64>); 2],
    sums: Option<i64>,
    recordings: Option<i64>,
}

impl PostgresMaintenance {
    pub(super) fn open(mut connection: Connection) -> Result<Self> {
        migrate::migrate(&mut connection)?;
        Ok(PostgresMaintenance { connection })
    }

    fn rows(
        &mut self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        self.connection.transaction(BEGIN, async |transaction| {
            Ok(query(transaction, sql, parameters).await?)
        })
    }

    /// Runs a statement, and returns the number of changed rows.
    fn change(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64> {
        self.connection.transaction(BEGIN, async |transaction| {
            Ok::<_, Failed>(transaction.execute_typed(sql, parameters).await?)
        })
    }

    fn cutoffs(&mut self, what: Prune) -> Result<Cutoffs> {
        let (limits, at) = match what {
            Prune::Retention(reading) => (self.limits()?, self.now(reading)?),
            Prune::ByDate(limits, at) => (limits, at),
        };
        retention::check(&limits)?;
        let now_us = at.timestamp_micros();
        let before = |limit: Option<Limit>| {
            let (age, _) = retention::columns(limit?);
            Some(now_us.saturating_sub(age?))
        };
        let mut days = [("activity", None), ("event", None)];
        for ((table, day), limit) in days.iter_mut().zip([limits.activities, limits.events]) {
            let (age, bytes) = retention::columns(limit.unwrap_or_default());
            let kept: [Parameter<'_>; 4] = [
                (table, Type::TEXT),
                (&age, Type::INT8),
                (&bytes, Type::INT8),
                (&now_us, Type::INT8),
            ];
            *day = self.rows(FIRST_KEPT_DAY, &kept)?[0].get(0);
        }
        Ok(Cutoffs {
            days,
            sums: before(limits.sums),
            recordings: before(limits.recordings),
        })
    }

    fn old_days(&mut self, table: &str, before: i64) -> Result<Vec<(String, Option<bool>)>> {
        let parameters: [Parameter<'_>; 2] = [(&table, Type::TEXT), (&before, Type::INT8)];
        let rows = self.rows(OLD_DAYS, &parameters)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    fn count(&mut self, table: &str, condition: &str) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM tower_activity.{table} {condition}");
        Ok(self.rows(&sql, &[])?[0].get::<_, i64>(0).cast_unsigned())
    }

    /// Drops the oldest partition before a day. Returns the number of its rows; `None` if there is none.
    ///
    /// Readers with an open transaction go on reading it, and it is dropped once they are done: others do not wait.
    fn drop_day(&mut self, table: &str, before: i64) -> Result<Option<u64>> {
        let Some((name, pending)) = self.old_days(table, before)?.into_iter().next() else {
            return Ok(None);
        };
        let detach = match pending {
            None => None,
            Some(true) => Some("FINALIZE"),
            Some(false) => Some("CONCURRENTLY"),
        };
        match self.drop_partition(table, &name, detach) {
            // A forwarder that applies the limits has dropped it.
            Err(_)
                if self
                    .old_days(table, before)?
                    .iter()
                    .all(|day| day.0 != name) =>
            {
                Ok(Some(0))
            }
            dropped => dropped.map(Some),
        }
    }

    /// Returns the number of its rows.
    fn drop_partition(&mut self, table: &str, name: &str, detach: Option<&str>) -> Result<u64> {
        if let Some(how) = detach {
            // The names are those of the catalogue: letters, digits and underscores.
            self.connection.execute(&format!(
                "ALTER TABLE tower_activity.{table} DETACH PARTITION tower_activity.{name} {how}"
            ))?;
        }
        let count = self.count(name, "")?;
        self.connection
            .execute(&format!("DROP TABLE tower_activity.{name}"))?;
        Ok(count)
    }

    /// Deletes early records, which share a partition. Returns their number.
    fn delete_early(&mut self, table: &str, before: i64) -> Result<u64> {
        let sql = format!(
            "DELETE FROM tower_activity.{table}_early WHERE id < tower_activity.first_id($1)"
        );
        let before = before.clamp(0, 10_957);
        self.change(&sql, &[(&before, Type::INT8)])
    }

    fn delete_recordings(&mut self, ids: &[Uuid]) -> Result<(u64, u64)> {
        self.connection.transaction(BEGIN, async |transaction| {
            let ids: [Parameter<'_>; 1] = [(&ids, Type::UUID_ARRAY)];
            let chunks = transaction.execute_typed(DELETE_CHUNKS, &ids).await?;
            transaction.execute_typed(DELETE_LINKS, &ids).await?;
            let recordings = transaction.execute_typed(DELETE_RECORDINGS, &ids).await?;
            Ok::<_, Failed>((recordings, chunks))
        })
    }
}

impl sealed::WriteSide for PostgresMaintenance {}

impl Maintenance for PostgresMaintenance {
    fn retention(&mut self) -> Result<Retention> {
        self.limits()
    }

    fn set_retention(&mut self, retention: &Retention) -> Result<Retention> {
        self.set_limits(retention)
    }

    fn create_token(&mut self, token: &AccessToken) -> Result<bool> {
        self.add_token(token)
    }

    fn revoke_token(&mut self, name: &str) -> Result<bool> {
        self.delete_token(name)
    }

    fn now(&mut self, reading: ClockReading) -> Result<DateTime<Utc>> {
        let us: i64 = self.rows(NOW, &[])?[0].get(0);
        let server = DateTime::from_timestamp_micros(us)
            .ok_or_else(|| Error::store("the server's clock is out of range"))?;
        Ok(server.min(reading.wall))
    }

    fn prunable(&mut self, what: Prune) -> Result<PruneCounts> {
        let cutoffs = self.cutoffs(what)?;
        let mut counts = [0; 2];
        for (count, (table, before)) in counts.iter_mut().zip(cutoffs.days) {
            let Some(before) = before else { continue };
            // By the parent: who reads has no rights on partitions.
            let us = before.clamp(0, MOST_DAYS).saturating_mul(DAY_US);
            let first = uuid(ActivityId::from_parts(us, 0).as_bytes());
            *count = self.count(table, &format!("WHERE id < '{first}'"))?;
        }
        let mut prunable = PruneCounts {
            activities: counts[0],
            events: counts[1],
            ..PruneCounts::default()
        };
        if let Some(us) = cutoffs.sums {
            let rows = self.rows(COUNT_QUARTERS, &[(&quarter_of(us), Type::INT8)])?;
            prunable.sums = rows[0].get::<_, i64>(0).cast_unsigned();
        }
        if let Some(us) = cutoffs.recordings {
            let first = uuid(ActivityId::from_parts(us, 0).as_bytes());
            let rows = self.rows(COUNT_RECORDINGS, &[(&first, Type::UUID)])?;
            prunable.recordings = rows[0].get::<_, i64>(0).cast_unsigned();
            prunable.chunks = rows[0].get::<_, i64>(1).cast_unsigned();
        }
        Ok(prunable)
    }

    fn prune(&mut self, what: Prune) -> Result<PruneCounts> {
        let cutoffs = self.cutoffs(what)?;
        for (table, before) in cutoffs.days {
            let Some(before) = before else { continue };
            // First, so that no late record brings a day back.
            let raise: [Parameter<'_>; 2] = [(&table, Type::TEXT), (&before, Type::INT8)];
            self.rows(RAISE_HORIZON, &raise)?;
            let mut count = self.delete_early(table, before)?;
            while count == 0 {
                match self.drop_day(table, before)? {
                    Some(dropped) => count = dropped,
                    None => break,
                }
            }
            if count > 0 {
                let mut counts = PruneCounts::default();
                match table {
                    "activity" => counts.activities = count,
                    _ => counts.events = count,
                }
                return Ok(counts);
            }
        }
        let mut counts = PruneCounts::default();
        if let Some(us) = cutoffs.sums {
            let quarter = quarter_of(us);
            let raise: [Parameter<'_>; 2] = [(&"sums_from", Type::TEXT), (&quarter, Type::INT8)];
            self.change(RAISE, &raise)?;
            let old: [Parameter<'_>; 2] = [(&quarter, Type::INT8), (&STEP, Type::INT8)];
            for sql in OLD_QUARTERS {
                counts.sums += self.change(sql, &old)?;
            }
            if counts.sums > 0 {
                return Ok(counts);
            }
        }
        if let Some(us) = cutoffs.recordings {
            let first = uuid(ActivityId::from_parts(us, 0).as_bytes());
            let old: [Parameter<'_>; 2] = [(&first, Type::UUID), (&STEP, Type::INT8)];
            let ids = self.rows(OLD_RECORDINGS, &old)?;
            let ids: Vec<Uuid> = ids.iter().map(|row| row.get(0)).collect();
            if !ids.is_empty() {
                (counts.recordings, counts.chunks) = self.delete_recordings(&ids)?;
            }
        }
        Ok(counts)
    }

    fn accept(&mut self, progress: &mut dyn FnMut(f64)) -> Result<()> {
        self.accept_rows(progress)
    }

    fn reclaim(&mut self) -> Result<u64> {
        // Dropped partitions give their space back at once; the rest is the server's own work.
        Ok(0)
    }

    fn index(&mut self) -> Result<u64> {
        // Rows are indexed when they are inserted.
        Ok(0)
    }

    fn erasable(&mut self, actor: &str) -> Result<EraseCounts> {
        self.count_erasable(actor)
    }

    fn erase(
        &mut self,
        actor: &str,
        progress: &mut dyn FnMut(&EraseCounts),
    ) -> Result<EraseCounts> {
        self.erase_actor(actor, progress)
    }

    fn rename(&mut self, _ids: &[(ActivityId, ActivityId)]) -> Result<()> {
        Err(unsupported(
            "takes no imports: import into a file, which is forwarded",
        ))
    }

    fn relink(
        &mut self,
        _activities: Position<ActivityRecord>,
        _events: Position<EventRecord>,
    ) -> Result<()> {
        Err(unsupported(
            "takes no imports: import into a file, which is forwarded",
        ))
    }

    fn rebuildable(&mut self, from: i64) -> Result<Range<i64>> {
        self.rebuildable_from(from)
    }

    fn rebuild(&mut self, quarters: Range<i64>) -> Result<()> {
        self.rebuild_quarters(quarters)
    }
}

fn unsupported(what: &str) -> Error {
    Error::invalid(format!("a PostgreSQL store {what}"))
}
