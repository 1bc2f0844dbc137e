//! What pages hold back: asked for, and waited for.

use std::collections::HashMap;

use serde_json::Value;
use tokio::sync::oneshot;

use super::Recorder;

/// The last thing that documents are asked to do.
pub(super) const STOP: &str = "stop";

/// Somebody who waits until every page has handed out what it held back.
pub(super) struct Flush {
    /// What documents are asked to do.
    what: &'static str,
    /// The calls that are not yet answered.
    calls: HashMap<u64, Question>,
    done: oneshot::Sender<()>,
}

/// Who was called for a flush.
struct Question {
    session: String,
    /// `None` for the call before: once it is answered all contexts are known that there were when the flush began.
    context: Option<String>,
}

impl Recorder {
    /// Asks every document for what it holds back.
    pub(super) async fn flush(&mut self, what: &'static str, done: oneshot::Sender<()>) {
        let answering = self.tabs.iter().filter(|(_, tab)| !tab.crashed);
        let sessions: Vec<_> = answering.map(|(session, _)| session.clone()).collect();
        let mut calls = HashMap::new();
        for session in sessions {
            let call = self.evaluate(&session, None, "0").await;
            let context = None;
            calls.insert(call, Question { session, context });
        }
        self.flushes.push(Flush { what, calls, done });
    }

    /// Takes the answer to a call. What a page handed out before it answered has arrived before.
    pub(super) async fn answered(&mut self, id: u64, result: Option<&Value>) {
        let mut flushes = self.flushes.iter_mut().enumerate();
        let found = flushes.find_map(|(at, flush)| Some((at, flush.calls.remove(&id)?)));
        let Some((at, Question { session, context })) = found else {
            return;
        };
        let Some(tab) = self.tabs.get_mut(&session) else {
            return;
        };
        if context.is_some() {
            let said = result.and_then(|result| result["result"]["value"].as_str());
            self.sink.lost(said.map_or(0, |said| tab.counted(said)));
            return;
        }
        let contexts: Vec<_> = tab.contexts.iter().map(|one| one.unique.clone()).collect();
        let question = self.settings.ask(self.flushes[at].what);
        for context in contexts {
            let call = self.evaluate(&session, Some(&context), &question).await;
            let (session, context) = (session.clone(), Some(context));
            self.flushes[at]
                .calls
                .insert(call, Question { session, context });
        }
    }

    /// Tells those whose questions are all answered. True once the last thing is done.
    pub(super) fn is_stopped(&mut self) -> bool {
        let mut stopped = false;
        while let Some(at) = self.flushes.iter().position(|one| one.calls.is_empty()) {
            let flush = self.flushes.swap_remove(at);
            // Whoever asked may have given up.
            let _ = flush.done.send(());
            stopped |= flush.what == STOP;
        }
        stopped
    }

    /// Waits for nothing more from a page that is gone.
    pub(super) fn left(&mut self, session: &str) {
        for flush in &mut self.flushes {
            flush
                .calls
                .retain(|_, question| question.session != session);
        }
    }
}
