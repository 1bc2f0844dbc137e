//! Connections that leave HTTP: their request goes on for as long as somebody holds on to it.

use std::{fmt, future::Future, sync::Arc};

use parking_lot::Mutex;

use crate::{
    activity::{Activity, InActivity, Running},
    record::Outcome,
};

/// Keeps the request of an upgraded connection running: its activity ends when the last clone is dropped.
///
/// It stands among the extensions of every request that asks to leave HTTP (`upgrade`, `CONNECT`), so that whoever
/// keeps the request for as long as the connection lasts keeps it, too. Others take it from there.
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
///         // ..
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Upgrade(Arc<Open>);

/// A request from its 101 to the end of its connection.
struct Open {
    activity: Activity,
    running: Mutex<Option<Running>>,
}

impl Upgrade {
    pub(super) fn of(activity: &Activity) -> Self {
        Upgrade(Arc::new(Open {
            activity: activity.clone(),
            running: Mutex::new(None),
        }))
    }

    /// Runs what uses the connection inside of the request's activity, which ends with it: with `success`, also
    /// where it is dropped, as `failed` with the error type `panic` where it panics.
    pub fn run<F: Future>(self, session: F) -> impl Future<Output = F::Output> {
        let activity = self.0.activity.clone();
        let held = async move {
            let _held = self;
            session.await
        };
        held.in_activity(&activity)
    }

    /// True where somebody holds on to it beside the caller.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Leaves the activity to whoever holds on to it; ends it where that is nobody any more.
    pub(super) fn keep(self, running: Running) {
        *self.0.running.lock() = Some(running);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A guard that is dropped while its thread unwinds says so itself.
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
