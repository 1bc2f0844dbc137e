//! Requests that close the session of a tool server.

use std::sync::Arc;

use http::{Method, StatusCode};

use crate::{
    activity::ClosedSessions,
    layer::http::{RequestHead, describe::SESSION},
    log::ActivityLog,
    record::Text,
};

/// A request to close a session. Calls that are running in it cannot be answered any more.
#[derive(Debug)]
pub(super) struct SessionEnd {
    sessions: Arc<ClosedSessions>,
    id: Text,
}

impl SessionEnd {
    /// `None` if the request does not close a session.
    #[inline]
    pub(super) fn new(log: &ActivityLog, head: &RequestHead<'_>) -> Option<Box<Self>> {
        if *head.method != Method::DELETE {
            return None;
        }
        let id = head.known(&SESSION)?;
        Some(Box::new(SessionEnd {
            sessions: log.extension(),
            id: id.to_owned().into(),
        }))
    }

    /// Remembers that the session is closed, if the response says so.
    pub(super) fn respond(self, status: StatusCode) {
        if status.is_success() {
            self.sessions.add(self.id);
        }
    }
}
