//! What all requests share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{feed::Feed, readers::Readers};
use crate::log::ActivityLog;
#[cfg(feature = "webhook")]
use crate::notify::Webhooks;

/// What can be written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Writes {
    #[default]
    Nothing,
    Events,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: Option<ActivityLog>,
    pub(super) readers: Readers,
    /// Those beside the store, where it is a file.
    #[cfg(feature = "webhook")]
    pub(super) webhooks: Option<Webhooks>,
    pub(super) feed: Feed,
    /// A turn for each client that listens.
    pub(super) listeners: Arc<Semaphore>,
}

pub(super) type App = Arc<Shared>;
