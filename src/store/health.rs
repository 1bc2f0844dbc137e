//! How a store stands.

use chrono::{DateTime, Utc};
use serde::Serialize;

#[cfg(feature = "web")]
use crate::store::RetentionFields;
use crate::{
    record::InstanceId,
    store::{Accounting, Growth, Instance, LastCheck, Retention},
};

/// How a store stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Health {
    /// The version of the schema.
    pub schema: u32,
    /// Ended activities.
    pub activities: u64,
    /// Events.
    pub events: u64,
    /// Activities listed as open, by living instances.
    pub running: u64,
    /// Activities whose process, or log, ended before they did.
    pub abandoned: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// The last check by upkeep; `None` before the first, and for a file of schema 1, which has no ledger to check with.
    pub last_check: Option<LastCheck>,
    /// Activities and events that the index for searching has not come to yet. Searches look at them one by one.
    pub unindexed: u64,
    /// How fast it grows, and by what.
    pub growth: Growth,
    /// What the store keeps, with the defaults of kinds that nobody has set.
    #[cfg_attr(feature = "web", schema(value_type = RetentionFields))]
    pub retention: Retention,
    /// How the clocks stand; `None` where no log has committed anything since the store has a clock.
    pub clock: Option<ClockHealth>,
    /// Activities and events that are dated ahead of the present: some clock was wrong when they were recorded, or is wrong
    /// now.
    pub ahead: u64,
    /// Every instance that has written here, newest first.
    pub instances: Vec<InstanceHealth>,
}

/// How the clocks of a store stand. They are apart where a wall clock was set, and where nobody had the store open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ClockHealth {
    /// What the store's own clock showed when a log last brought it up to date. It stands still while no log is open.
    pub store: DateTime<Utc>,
    /// What that log's wall clock showed.
    pub wall: DateTime<Utc>,
    /// For how many seconds of running nothing has contradicted the wall clock. After a day the store's clock follows it.
    pub agreed_s: u64,
}

/// How one instance stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct InstanceHealth {
    /// Its id.
    pub id: InstanceId,
    /// The host's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When it was opened.
    pub started_at: DateTime<Utc>,
    /// When it was shut down; `None` while it lives and when it died.
    pub stopped_at: Option<DateTime<Utc>>,
    /// True while its process holds its lock.
    pub alive: bool,
    /// When its numbers were saved last; `None` when they never were.
    pub saved_at: Option<DateTime<Utc>>,
    /// Where its activities went, as of its last commit. Of one that died, what is committed is exact, and what
    /// it did after [`saved_at`](Self::saved_at) is unknown.
    pub accounting: Accounting,
}

impl ClockHealth {
    /// What both clocks showed; nothing is known yet of how long the wall clock has been right.
    pub fn new(store: DateTime<Utc>, wall: DateTime<Utc>) -> Self {
        ClockHealth {
            store,
            wall,
            agreed_s: 0,
        }
    }
}

impl InstanceHealth {
    /// A living instance that has committed nothing yet.
    pub fn new(instance: &Instance) -> Self {
        InstanceHealth {
            id: instance.id,
            host: instance.host.clone(),
            pid: instance.pid,
            started_at: instance.started_at,
            stopped_at: None,
            alive: true,
            saved_at: None,
            accounting: Accounting::default(),
        }
    }
}
