//! Requests whose stream ends before their answer, over HTTP.

use super::{
    connection::{Connection, UNANSWERED},
    pending::Detached,
};
use crate::record::{Outcome, Text};

impl Connection {
    /// Returns true if the request was not answered yet.
    pub(in crate::mcp) fn is_pending(&self, number: u64) -> bool {
        self.pending.contains(number)
    }

    /// Ends a request that was not answered.
    pub(in crate::mcp) fn end_unanswered(&mut self, number: u64, outcome: &Outcome) {
        if let Some(request) = self.pending.remove(number) {
            request.end(outcome);
        }
    }

    /// Keeps a request whose answer can arrive on another stream: on one that resumes after this event, or without one on the stream
    /// of the session.
    pub(in crate::mcp) fn detach(
        &mut self,
        number: u64,
        deadline_ns: u64,
        outcome: Outcome,
        event_id: Option<Text>,
    ) {
        let detached = Detached {
            deadline_ns,
            outcome,
            event_id,
        };
        self.pending.set_detached(number, Some(detached));
    }

    /// Attaches the requests of a stream to the one that resumes it after this event. Returns their numbers, in order.
    pub(in crate::mcp) fn resume(&mut self, event_id: &str) -> Vec<u64> {
        let is_of = |detached: &Detached| detached.event_id.as_deref() == Some(event_id);
        let detached = self.pending.detached();
        let resumed: Vec<u64> = detached
            .filter_map(|(number, detached)| is_of(detached).then_some(number))
            .collect();
        for number in &resumed {
            self.pending.set_detached(*number, None);
        }
        resumed
    }

    /// Ends the requests whose answer has not arrived on another stream in time. Returns the next deadline, if there are others.
    /// While the session has a stream, those that wait for it get a deadline of `later_ns`.
    pub(in crate::mcp) fn end_detached(
        &mut self,
        now_ns: u64,
        later_ns: Option<u64>,
    ) -> Option<u64> {
        let (mut due, mut next) = (Vec::new(), None);
        for (number, detached) in self.pending.detached() {
            if let Some(later_ns) = later_ns.filter(|_| detached.event_id.is_none()) {
                detached.deadline_ns = later_ns;
            }
            match detached.deadline_ns > now_ns {
                true => next = Some(detached.deadline_ns.min(next.unwrap_or(u64::MAX))),
                false => due.push((number, detached.outcome.clone())),
            }
        }
        for (number, outcome) in due {
            self.end_unanswered(number, &outcome);
        }
        next
    }

    /// Ends all requests, detached ones with their own outcome.
    pub(in crate::mcp) fn end_all(&mut self, outcome: &Outcome) {
        self.end_detached(u64::MAX, None);
        self.close(outcome);
    }

    /// Ends all requests of a session that is forgotten.
    pub(in crate::mcp) fn give_up(&mut self) {
        let calls = self.pending.count_calls() as u64;
        if calls > 0 {
            self.totals.counts.lock().unanswered += calls;
        }
        self.end_all(&Outcome::failed(UNANSWERED));
    }
}
