//! State shared by all requests.

use std::sync::Arc;

use super::{
    commits::CommitWatcher, described::StoreResponse, fair::FairSemaphore,
    openmetrics::counters::Metrics, readers::ReaderPool,
};
use crate::log::ActivityLog;
#[cfg(feature = "webhook")]
use crate::notify::Webhooks;

/// Whether the API accepts writes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Writes {
    #[default]
    Nothing,
    Events,
}

/// State shared by all requests.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: Option<ActivityLog>,
    /// Describes the store; `None` for a disabled log.
    pub(super) store: Option<StoreResponse>,
    pub(super) readers: ReaderPool,
    /// The webhooks of the store, if it can have any.
    #[cfg(feature = "webhook")]
    pub(super) webhooks: Option<Webhooks>,
    pub(super) commits: CommitWatcher,
    /// A permit for each client of `api/live`.
    pub(super) listeners: FairSemaphore,
    /// The counters of `metrics`.
    pub(super) metrics: Metrics,
}

pub(super) type App = Arc<Shared>;
