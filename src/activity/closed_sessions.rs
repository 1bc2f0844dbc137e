//! The sessions of tool servers that their clients have closed.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;

use crate::record::Text;

/// The maximum number of sessions that are remembered: calls rarely outlast their session by long.
const MAX_SESSIONS: usize = 1024;

/// The sessions that their clients have closed lately.
///
/// Stored with the log: one layer records the HTTP request that closes a session, another the calls that are running in it.
#[derive(Debug, Default)]
pub(crate) struct ClosedSessions(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    ids: HashSet<Text>,
    order: VecDeque<Text>,
}

impl ClosedSessions {
    pub(crate) fn add(&self, id: Text) {
        let mut latest = self.0.lock();
        if !latest.ids.insert(id.clone()) {
            return;
        }
        latest.order.push_back(id);
        if latest.order.len() > MAX_SESSIONS
            && let Some(oldest) = latest.order.pop_front()
        {
            latest.ids.remove(&oldest);
        }
    }

    #[cfg_attr(not(feature = "rmcp"), allow(dead_code))]
    pub(crate) fn contains(&self, id: &Text) -> bool {
        self.0.lock().ids.contains(id)
    }
}
