//! Upgraded connections: their request's activity lasts while a handle of it exists.

use std::{fmt, future::Future, sync::Arc};

use parking_lot::Mutex;

use crate::{
    activity::{Activity, ActivityGuard, InActivity},
    record::Outcome,
};

/// Keeps the activity of an upgraded connection running: it ends when the last clone is dropped.
///
/// It is in the extensions of every request for an upgrade (`upgrade`, `CONNECT`), so that a task which keeps the request
/// for as long as the connection lasts keeps it too. Others extract it from there.
///
/// # Examples
///
/// ```
/// use axum::{Extension, extract::{WebSocketUpgrade, ws::WebSocket}, response::Response};
/// use tower_activity::layer::http::Upgrade;
///
/// async fn handler(Extension(upgrade): Extension<Upgrade>, socket: WebSocketUpgrade) -> Response {
///     socket.on_upgrade(|socket| upgrade.run(chat(socket)))
/// }
///
/// async fn chat(mut socket: WebSocket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         # drop(message);
///         // …
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Upgrade(Arc<Open>);

/// The activity of a request from its 101 to the end of its connection.
struct Open {
    activity: Activity,
    running: Mutex<Option<ActivityGuard>>,
}

impl Upgrade {
    pub(super) fn new(activity: &Activity) -> Self {
        Upgrade(Arc::new(Open {
            activity: activity.clone(),
            running: Mutex::new(None),
        }))
    }

    /// Runs the code that uses the connection inside the request's activity, which ends with it: as `success`, also if
    /// the future is dropped; as `failed` with the error type `panic` if it panics.
    pub fn run<F: Future>(self, session: F) -> impl Future<Output = F::Output> {
        let activity = self.0.activity.clone();
        let session = async move {
            let _upgrade = self;
            session.await
        };
        session.in_activity(&activity)
    }

    /// True if another clone of it exists.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the activity to the other clones. If there are none any more, it ends here.
    pub(super) fn set_guard(self, running: ActivityGuard) {
        *self.0.running.lock() = Some(running);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // While the thread unwinds, the guard records the panic itself.
        if !std::thread::panicking()
            && let Some(running) = self.running.get_mut().take()
        {
            running.end(Outcome::success());
        }
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upgrade").field(&self.0.activity).finish()
    }
}
