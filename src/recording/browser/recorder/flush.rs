//! Flushing pages: requests to send buffered events, and their responses.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::Recorder;

/// The method of the recorder script that stops it.
pub(super) const STOP: &str = "stop";

/// A flush or stop in progress, done once every page has sent its buffered events.
pub(super) struct Flush {
    /// The method called in each document.
    method: &'static str,
    /// Calls without a response yet.
    calls: HashMap<u64, PendingCall>,
    done: oneshot::Sender<()>,
}

/// A call of a flush.
struct PendingCall {
    session: String,
    /// `None` for the preceding call: after its response, all contexts that existed at the start of the flush are known.
    context: Option<String>,
}

impl Recorder {
    /// Calls `method` in every document.
    pub(super) async fn flush(&mut self, method: &'static str, done: oneshot::Sender<()>) {
        let responsive = self.tabs.iter().filter(|(_, tab)| !tab.crashed);
        let sessions: Vec<_> = responsive.map(|(session, _)| session.clone()).collect();
        let mut calls = HashMap::new();
        for session in sessions {
            let call = self.evaluate(&session, None, "0").await;
            let context = None;
            calls.insert(call, PendingCall { session, context });
        }
        self.flushes.push(Flush {
            method,
            calls,
            done,
        });
    }

    /// Handles the response to a call. Events that a page sent before it have already been received.
    pub(super) async fn on_response(&mut self, id: u64, value: Option<&str>) {
        if let Some(tab) = self.tabs.values_mut().find(|tab| tab.enable_call == id) {
            tab.records_console = true;
        }
        let mut flushes = self.flushes.iter_mut().enumerate();
        let found = flushes.find_map(|(at, flush)| Some((at, flush.calls.remove(&id)?)));
        let Some((at, PendingCall { session, context })) = found else {
            return;
        };
        let Some(tab) = self.tabs.get_mut(&session) else {
            return;
        };
        if context.is_some() {
            self.sink
                .lost(value.map_or(0, |report| tab.reconcile(report)));
            return;
        }
        let contexts: Vec<_> = tab
            .contexts
            .iter()
            .map(|context| context.unique_id.clone())
            .collect();
        let expression = self.settings.call(self.flushes[at].method);
        for context in contexts {
            let call = self.evaluate(&session, Some(&context), &expression).await;
            let (session, context) = (session.clone(), Some(context));
            self.flushes[at]
                .calls
                .insert(call, PendingCall { session, context });
        }
    }

    /// Completes flushes without pending calls. Returns true if one of them was the stop.
    pub(super) fn complete_flushes(&mut self) -> bool {
        let mut stopped = false;
        while let Some(at) = self.flushes.iter().position(|flush| flush.calls.is_empty()) {
            let flush = self.flushes.swap_remove(at);
            // Ignored: the requester may have stopped waiting.
            let _ = flush.done.send(());
            stopped |= flush.method == STOP;
        }
        stopped
    }

    /// Drops the pending calls of a session that is gone.
    pub(super) fn forget_session(&mut self, session: &str) {
        for flush in &mut self.flushes {
            flush.calls.retain(|_, call| call.session != session);
        }
    }
}
