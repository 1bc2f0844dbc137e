//! The partitions of activities and events: days by id, made when a batch needs them.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;
use uuid::Uuid;

use super::connection::{Connection, Parameter, query};
use crate::{error::Result, record::ActivityId, store::ForwardBatch};

const DAY_US: i64 = 86_400_000_000;
/// A lock that ends with its transaction: two that create a partition at once fail in spite of `IF NOT EXISTS`.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6079225713172475749)";
const EXISTS: &str = "SELECT to_regclass($1::text) IS NOT NULL";

/// The days whose partitions are known to exist.
#[derive(Debug, Default)]
pub(super) struct Days {
    known: BTreeSet<(&'static str, i64)>,
}

impl Days {
    /// Creates the partitions that a batch needs.
    pub(super) fn ensure(
        &mut self,
        connection: &mut Connection,
        batch: &ForwardBatch,
    ) -> Result<()> {
        let activities = batch.activities.iter();
        let activities = activities.map(|one| ("activity", one.id.started_at_us() / DAY_US));
        let events = batch.events.iter();
        let events = events.map(|one| ("event", one.id.at().timestamp_micros() / DAY_US));
        let mut missing: BTreeSet<_> = activities.chain(events).collect();
        missing.retain(|day| !self.known.contains(day));
        if missing.is_empty() {
            return Ok(());
        }
        connection.transaction(LOCK, async |transaction| {
            for (table, day) in &missing {
                let name = format!("tower_activity.{table}_{day}");
                let parameter: [Parameter<'_>; 1] = [(&name, Type::TEXT)];
                if query(transaction, EXISTS, &parameter).await?[0].get(0) {
                    continue;
                }
                let bound = |day: i64| {
                    let id = ActivityId::from_parts(day.saturating_mul(DAY_US), 0);
                    Uuid::from_bytes(*id.as_bytes())
                };
                // The smallest id of its first day has version and variant bits; ids of other programs may not.
                let sql = format!(
                    "CREATE TABLE {name} (LIKE tower_activity.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); \
                     ALTER TABLE tower_activity.{table} ATTACH PARTITION {name} FOR VALUES FROM ('{}') TO ('{}')",
                    bound(*day),
                    bound(day + 1),
                );
                transaction.batch_execute(&sql).await?;
            }
            Ok(())
        })?;
        self.known.extend(missing);
        Ok(())
    }
}
