//! The health of a store.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

#[cfg(feature = "web")]
use crate::store::RetentionFields;
use crate::{
    record::InstanceId,
    store::{Accounting, Growth, Instance, LastCheck, Retention, Sizes},
};

/// The health of a store.
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
    /// Open activities of living instances.
    pub running: u64,
    /// Activities whose process or log ended before they did.
    pub abandoned: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// The sizes by kind of record.
    pub sizes: Sizes,
    /// The last check by maintenance; `None` before the first, and for a file of schema 1, which has no ledger.
    pub last_check: Option<LastCheck>,
    /// The index lag: activities and events that are not in the search index yet. Searches scan them.
    pub unindexed: u64,
    /// The growth; `None` if the store does not measure it.
    pub growth: Option<Growth>,
    /// The retention, with the defaults for kinds without a set limit.
    #[cfg_attr(feature = "web", schema(value_type = RetentionFields))]
    pub retention: Retention,
    /// The clocks; `None` if no log has committed anything since the store got a clock.
    pub clock: Option<ClockHealth>,
    /// Activities and events dated ahead of the present: a clock was wrong when they were recorded, or is wrong now.
    pub ahead: u64,
    /// The central stores that the file is forwarded to, by name.
    pub targets: Vec<TargetHealth>,
    /// The logs of a central store; `None` for a file.
    pub logs: Option<LogsHealth>,
    /// Every instance that wrote to the store, newest first. Of a central store at most [`MAX_LISTED`](LogsHealth::MAX_LISTED), living
    /// ones before others; those of retired logs only if they have losses.
    pub instances: Vec<InstanceHealth>,
}

/// Numbers of logs in a central store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LogCounts {
    /// All logs that were ever forwarded there.
    pub known: u64,
    /// Those that were heard of in the last two minutes, by the clock of the database.
    pub alive: u64,
    /// Those that have nothing left to forward, and were not heard of for a day.
    pub retired: u64,
}

/// The health of the logs of a central store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LogsHealth {
    /// Their numbers.
    #[serde(flatten)]
    pub counts: LogCounts,
    /// Records of all logs, retired ones included, that are yet to be forwarded, as of the last heartbeat of each.
    pub waiting: u64,
    /// Records of all logs that the database refused.
    pub refused: u64,
    /// Records of all logs that were not accepted, because they are older than what the database keeps.
    pub outdated: u64,
    /// The logs that are not retired, at most [`MAX_LISTED`](Self::MAX_LISTED): those that were heard of last come first.
    pub list: Vec<LogHealth>,
}

impl LogsHealth {
    /// The largest number of logs, and of instances, that the health of a central store lists.
    pub const MAX_LISTED: usize = 1_000;
}

/// The health of one log of a central store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LogHealth {
    /// Its id, which was made with its file.
    #[cfg_attr(feature = "web", schema(value_type = String))]
    pub id: Uuid,
    /// The host that it was last forwarded from.
    pub host: String,
    /// When it was last heard of, by the clock of the database.
    pub heard_at: DateTime<Utc>,
    /// True if that was in the last two minutes.
    pub alive: bool,
    /// Records that are yet to be forwarded, as of the last heartbeat.
    pub waiting: u64,
    /// Records that the database refused.
    pub refused: u64,
    /// Records that were not accepted, because they are older than what the database keeps.
    pub outdated: u64,
}

/// How far a file was forwarded to a central store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct TargetHealth {
    /// The address, without a password.
    pub name: String,
    /// Places in commit order that are yet to be forwarded: each is that of a record, a chunk of a recording, or a deleted one.
    pub behind: u64,
    /// When the oldest of these records ended or happened.
    pub behind_since: Option<DateTime<Utc>>,
    /// Records and recordings that were deleted before they were forwarded, because a size limit was reached.
    pub lost_not_forwarded: u64,
    /// The last error since a batch was acknowledged.
    pub error: Option<String>,
    /// When the first of these errors happened.
    pub error_since: Option<DateTime<Utc>>,
}

/// The part of the health of a store whose cost does not grow with its activities and events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vitals {
    /// Open activities of living instances.
    pub running: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// Activities and events that are not in the search index yet.
    pub unindexed: u64,
    /// The accounting of all instances together.
    pub accounting: Accounting,
    /// The numbers of logs of a central store; `None` for a file.
    pub logs: Option<LogCounts>,
}

impl From<Health> for Vitals {
    fn from(health: Health) -> Self {
        Vitals {
            running: health.running,
            bytes: health.bytes,
            unindexed: health.unindexed,
            accounting: health.instances.iter().map(|one| &one.accounting).sum(),
            logs: health.logs.map(|logs| logs.counts),
        }
    }
}

/// The clocks of a store. They differ after a wall clock was set, and after the store was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ClockHealth {
    /// The store's own clock when a log last updated it. It stands still while no log is open.
    pub store: DateTime<Utc>,
    /// The wall clock of that log.
    pub wall: DateTime<Utc>,
    /// Seconds of uptime since the wall clock was last contradicted. After a day the store's clock adopts it.
    pub agreed_s: u64,
}

/// The health of one instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct InstanceHealth {
    /// Its id.
    pub id: InstanceId,
    /// The log that it wrote to, in a central store; `None` in a file.
    #[cfg_attr(feature = "web", schema(value_type = Option<String>))]
    pub log: Option<Uuid>,
    /// The host name.
    pub host: String,
    /// The process id.
    pub pid: u32,
    /// When it was opened.
    pub started_at: DateTime<Utc>,
    /// When it was shut down; `None` while it is alive and if it died.
    pub stopped_at: Option<DateTime<Utc>>,
    /// True while its process holds the lock file.
    pub alive: bool,
    /// When its accounting was last saved; `None` if it never was.
    pub saved_at: Option<DateTime<Utc>>,
    /// Its accounting as of its last commit. For a dead instance the committed counts are exact, and what happened after
    /// [`saved_at`](Self::saved_at) is unknown.
    pub accounting: Accounting,
}

impl ClockHealth {
    /// Returns readings of both clocks, with an uptime of 0 since the last contradiction.
    pub fn new(store: DateTime<Utc>, wall: DateTime<Utc>) -> Self {
        ClockHealth {
            store,
            wall,
            agreed_s: 0,
        }
    }
}

impl InstanceHealth {
    /// Returns a living instance without commits.
    pub fn new(instance: &Instance) -> Self {
        InstanceHealth {
            id: instance.id,
            log: None,
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
