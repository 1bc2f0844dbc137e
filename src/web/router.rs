//! The router: everything over HTTP, under any prefix.

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use super::{api, feed::Feed, readers::Readers};
use crate::{log::ActivityLog, store::Store};

/// So many clients listen to what happens at once.
const LISTENERS: usize = 64;

/// What is on record over HTTP: settings that become an axum `Router` with `into()`.
///
/// # Examples
///
/// ```no_run
/// use axum::Router;
/// use tower_activity::ActivityLog;
///
/// # fn app() -> tower_activity::Result<Router> {
/// let log = ActivityLog::open("activity.db")?;
/// let app: Router = Router::new().nest("/ops/activity", log.router().into());
/// # Ok(app)
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ActivityRouter {
    /// The log whose own numbers are shown; `None` where a store is read that others write.
    log: Option<ActivityLog>,
    store: Option<Arc<dyn Store>>,
}

impl ActivityLog {
    /// Shows what is on record over HTTP: a router that any axum application nests under any prefix.
    pub fn router(&self) -> ActivityRouter {
        ActivityRouter {
            log: Some(self.clone()),
            store: self.store().cloned(),
        }
    }
}

impl ActivityRouter {
    /// Shows what is in a store, whoever writes it.
    pub fn of(store: Arc<dyn Store>) -> Self {
        ActivityRouter {
            log: None,
            store: Some(store),
        }
    }
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) log: Option<ActivityLog>,
    pub(super) readers: Readers,
    pub(super) feed: Feed,
    /// A turn for each client that listens.
    pub(super) listeners: Arc<Semaphore>,
}

pub(super) type App = Arc<Shared>;

impl<S: Clone + Send + Sync + 'static> From<ActivityRouter> for Router<S> {
    fn from(settings: ActivityRouter) -> Self {
        let app = Arc::new(Shared {
            log: settings.log,
            readers: Readers::of(settings.store),
            feed: Feed::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        });
        Router::new().nest("/api", api::routes()).with_state(app)
    }
}
