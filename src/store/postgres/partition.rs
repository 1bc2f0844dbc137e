//! The partitions of activities and events: days by id. They are made a week ahead, and when a late record needs one.
//!
//! Clocks are wrong: what is dated more than a week ahead of the server's clock shares one partition, which gives its records to
//! their days as they come, and so does what is dated before the year 2000.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tokio_postgres::{error::SqlState, types::Type};

use super::connection::{Connection, Failed, Parameter, query};
use crate::{error::Result, record::ActivityId, store::ForwardBatch};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// 2000-01-01.
const FIRST: i64 = 10_957;
/// How often the days ahead are made.
const PAUSE: Duration = Duration::from_secs(3600);
/// The time to the next attempt, if readers or writers have not made room: an attempt stops others for a moment.
const RETRY: Duration = Duration::from_secs(60);
const BEGIN: &str = "SET LOCAL lock_timeout = '5s'";
const ADD_DAYS: &str = "SELECT tower_activity.add_days()";
const CLEAN_WORDS: &str = "SELECT tower_activity.clean_words()";
const AHEAD: &str = "SELECT value FROM tower_activity.mark WHERE name = 'ahead'";
const ADD_DAY: &str = "SELECT tower_activity.add_day(new.kind, new.day) FROM unnest($1::text[], $2::bigint[]) AS new (kind, day)";

/// The days whose partitions are known to exist.
#[derive(Debug, Default)]
pub(super) struct Days {
    known: BTreeSet<(&'static str, i64)>,
    /// Days from this one on have no partition of their own, as far as is known.
    ahead: Option<i64>,
    next: Option<Instant>,
}

impl Days {
    /// Creates the partitions of the next days and cleans the indexes of words, if it is time to.
    pub(super) fn make_ahead(&mut self, connection: &mut Connection) -> Result<()> {
        if self.next.is_some_and(|next| Instant::now() < next) {
            return Ok(());
        }
        let made = connection.transaction(BEGIN, async |transaction| {
            match query(transaction, ADD_DAYS, &[]).await {
                Ok(_) => Ok(true),
                Err(cause) if cause.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
                Err(cause) => Err(cause.into()),
            }
        })?;
        // Days that have passed get no more rows, whose inserts would do it.
        connection.transaction(BEGIN, async |transaction| {
            Ok::<_, Failed>(query(transaction, CLEAN_WORDS, &[]).await?)
        })?;
        self.next = Instant::now().checked_add(if made { PAUSE } else { RETRY });
        self.ahead = None;
        Ok(())
    }

    /// Forgets which partitions there are.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.ahead = None;
    }

    /// Creates the partitions that a batch needs.
    pub(super) fn ensure(
        &mut self,
        connection: &mut Connection,
        batch: &ForwardBatch,
    ) -> Result<()> {
        let activities = batch.activities.iter();
        let activities = activities.map(|one| ("activity", day(one.id)));
        let events = batch.events.iter();
        let events = events.map(|one| ("event", day(ActivityId::from_bytes(*one.id.as_bytes()))));
        let mut missing: BTreeSet<_> = activities.chain(events).collect();
        missing.retain(|one| one.1 >= FIRST && !self.known.contains(one));
        if missing.is_empty() {
            return Ok(());
        }
        let known_ahead = self.ahead;
        let ahead = connection.transaction(BEGIN, async |transaction| {
            let ahead = match known_ahead {
                Some(ahead) => ahead,
                None => query(transaction, AHEAD, &[]).await?[0].get(0),
            };
            missing.retain(|one| one.1 < ahead);
            if !missing.is_empty() {
                let (kinds, days): (Vec<_>, Vec<_>) = missing.iter().copied().unzip();
                let parameters: [Parameter<'_>; 2] =
                    [(&kinds, Type::TEXT_ARRAY), (&days, Type::INT8_ARRAY)];
                query(transaction, ADD_DAY, &parameters).await?;
            }
            Ok::<_, Failed>(ahead)
        })?;
        self.ahead = Some(ahead);
        self.known.extend(missing);
        Ok(())
    }
}

/// Returns the day of an id, counted from the Unix epoch. Those of other programs may have any bits.
pub(super) fn day(id: ActivityId) -> i64 {
    let ms = id.as_bytes()[..6]
        .iter()
        .fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    (ms / DAY_MS).cast_signed()
}
