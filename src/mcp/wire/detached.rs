//! Calls whose stream ends before their answer, over HTTP.

use super::{
    connection::{Connection, UNANSWERED},
    message::Id,
    pending::{Detached, Side},
};
use crate::record::Outcome;

impl Connection {
    /// Returns true if the call was not answered yet.
    pub(in crate::mcp) fn is_pending(&mut self, id: &Id) -> bool {
        self.pending.call(id).is_some()
    }

    /// Ends a call that was not answered.
    pub(in crate::mcp) fn end_unanswered(&mut self, id: &Id, outcome: &Outcome) {
        if self.is_pending(id)
            && let Some(request) = self.pending.remove(Side::Client, id)
        {
            request.end(outcome);
        }
    }

    /// Keeps a call open whose answer can arrive on another stream of the session.
    pub(in crate::mcp) fn detach(&mut self, id: &Id, deadline_ns: u64, outcome: Outcome) {
        if let Some(call) = self.pending.call(id) {
            call.detached = Some(Detached {
                deadline_ns,
                outcome,
            });
        }
    }

    /// Ends the calls whose answer has not arrived on another stream until now. Returns true if there are others.
    pub(in crate::mcp) fn end_detached(&mut self, now_ns: u64) -> bool {
        let mut has_others = false;
        for id in self.pending.call_ids() {
            let detached = self
                .pending
                .call(&id)
                .and_then(|call| call.detached.as_ref());
            let Some(detached) = detached else { continue };
            if detached.deadline_ns > now_ns {
                has_others = true;
                continue;
            }
            let outcome = detached.outcome.clone();
            if let Some(request) = self.pending.remove(Side::Client, &id) {
                request.end(&outcome);
            }
        }
        has_others
    }

    /// Ends all calls, detached ones with their own outcome.
    pub(in crate::mcp) fn end_all(&mut self, outcome: &Outcome) {
        self.end_detached(u64::MAX);
        self.close(outcome);
    }

    /// Ends all calls of a session that is forgotten.
    pub(in crate::mcp) fn give_up(&mut self) {
        let calls = self.pending.call_ids().len() as u64;
        if calls > 0 {
            self.server.lock().counts.unanswered += calls;
        }
        self.end_all(&Outcome::failed(UNANSWERED));
    }
}
