//! The limits of the store. The process that folds batches applies them.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio_postgres::{Row, Transaction, types::Type};

use super::{BEGIN, PostgresMaintenance};
use crate::{
    error::{Error, Result},
    store::{
        Limit, Retention,
        postgres::connection::{Connection, Failed, Parameter, query},
    },
};

pub(in crate::store::postgres) const LIMITS: &str =
    "SELECT kind, age, bytes FROM tower_activity.retention";
const SET_LIMIT: &str = "INSERT INTO tower_activity.retention (kind, age, bytes) VALUES ($1, $2, $3) \
     ON CONFLICT (kind) DO UPDATE SET age = excluded.age, bytes = excluded.bytes";
const APPLY: &str = "SELECT tower_activity.apply_retention($1)";
/// The time between two attempts, unless there is more to delete.
const INTERVAL: Duration = Duration::from_secs(60);

/// Reads rows of [`LIMITS`]. Kinds without one are kept forever.
pub(in crate::store::postgres) fn read(rows: &[Row]) -> Retention {
    let mut limits = Retention::default();
    for row in rows {
        let age = row.get::<_, Option<i64>>(1).map(i64::cast_unsigned);
        if let Some(limit) = limits.kind_mut(row.get(0)) {
            *limit = Some(Limit {
                age: age.map(Duration::from_micros),
                bytes: row.get::<_, Option<i64>>(2).map(i64::cast_unsigned),
            });
        }
    }
    limits
}

/// Refuses limits that this store does not apply.
pub(super) fn check(limits: &Retention) -> Result<()> {
    let has_bytes = |limit: Option<Limit>| limit.is_some_and(|one| one.bytes.is_some());
    if has_bytes(limits.sums) || has_bytes(limits.recordings) {
        return Err(Error::invalid(
            "a PostgreSQL store deletes sums and recordings by age only",
        ));
    }
    match limits.previews.unwrap_or_default() == Limit::FOREVER {
        true => Ok(()),
        false => Err(Error::invalid(
            "a PostgreSQL store keeps previews as long as their activities: limit those, or delete previews in the files",
        )),
    }
}

/// Returns a limit as columns.
pub(super) fn columns(limit: Limit) -> (Option<i64>, Option<i64>) {
    let age = limit
        .age
        .map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    let bytes = limit
        .bytes
        .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    (age, bytes)
}

impl PostgresMaintenance {
    pub(super) fn limits(&mut self) -> Result<Retention> {
        Ok(read(&self.rows(LIMITS, &[])?))
    }

    pub(super) fn set_limits(&mut self, retention: &Retention) -> Result<Retention> {
        check(retention)?;
        let before = self.limits()?;
        let kinds = retention.kinds();
        self.connection.transaction(BEGIN, async |transaction| {
            for (kind, limit) in kinds {
                let Some(limit) = limit else { continue };
                let (age, bytes) = columns(limit);
                let set: [Parameter<'_>; 3] = [
                    (&kind, Type::TEXT),
                    (&age, Type::INT8),
                    (&bytes, Type::INT8),
                ];
                query(transaction, SET_LIMIT, &set).await?;
            }
            Ok::<_, Failed>(())
        })?;
        tracing::info!(target: "tower_activity::store", ?before, set = ?retention, "retention changed");
        Ok(before)
    }
}

/// When the limits are applied next.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct Schedule {
    next: Option<Instant>,
}

impl Schedule {
    /// Applies the limits, if it is time to: some rows, or a day. An error does not stop forwarding: it is logged.
    pub(in crate::store::postgres) fn apply(&mut self, connection: &mut Connection) {
        if self.next.is_some_and(|next| Instant::now() < next) {
            return;
        }
        let clock = Utc::now().timestamp_micros();
        let apply = async |transaction: &Transaction<'_>| {
            let rows = query(transaction, APPLY, &[(&clock, Type::INT8)]).await?;
            Ok::<_, Failed>(rows[0].get::<_, i64>(0))
        };
        let deleted = connection.transaction(BEGIN, apply).unwrap_or_else(|error| {
            tracing::warn!(target: "tower_activity::store", %error, "could not apply the retention of the central store");
            0
        });
        self.next = (deleted == 0)
            .then(|| Instant::now().checked_add(INTERVAL))
            .flatten();
    }
}
