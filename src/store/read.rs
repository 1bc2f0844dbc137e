//! What a store answers.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    error::Result,
    record::{ActivityId, ActivityRecord, InstanceId},
    store::Accounting,
};

/// The read side of a store.
///
/// Every answer joins the ended activities with the open ones: those of living instances as `running`,
/// those of dead ones as `abandoned`.
pub trait Reader: Send {
    /// One activity; `None` where there is none with this id.
    ///
    /// # Errors
    ///
    /// When the store could not be read. That is never the same as an empty answer.
    fn activity(&mut self, id: ActivityId) -> Result<Option<ActivityRecord>>;

    /// Every activity of the tree that grows from `root`, itself included, in order of start.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn tree(&mut self, root: ActivityId) -> Result<Vec<ActivityRecord>>;

    /// How the store stands.
    ///
    /// # Errors
    ///
    /// When the store could not be read.
    fn health(&mut self) -> Result<Health>;
}

/// How a store stands: what `activity doctor` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// The version of the schema.
    pub schema: u32,
    /// What an integrity check complained of; empty where it found nothing.
    pub problems: Vec<String>,
    /// Ended activities.
    pub activities: u64,
    /// Activities listed as open, by living instances.
    pub running: u64,
    /// Activities listed as open by instances that are dead, not yet written as abandoned.
    pub abandoned: u64,
    /// The size of the store in bytes.
    pub bytes: u64,
    /// Every instance that has written here, newest first.
    pub instances: Vec<InstanceHealth>,
}

/// How one instance stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Where its activities went, as of its last commit.
    pub accounting: Accounting,
}
