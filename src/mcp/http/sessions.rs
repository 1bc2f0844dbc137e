//! The sessions of a server, as many as are remembered.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::head::Key;
use crate::{
    mcp::{
        ToolOptions,
        wire::{Connection, Id, PayloadLimits, Server, TapCounts},
    },
    record::{Outcome, Scope},
};

/// The most sessions that are remembered. Those that were not used for longest are forgotten first.
const MOST: usize = 10_000;
/// How long a client may take to resume a stream.
const RESUMES: Duration = Duration::from_secs(5 * 60);

/// The sessions of a server.
pub(super) struct Sessions {
    pub(super) tools: ToolOptions,
    pub(super) scope: Scope,
    pub(super) limits: PayloadLimits,
    pub(super) server: Arc<Mutex<Server>>,
    latest: Mutex<Latest>,
    /// How everything ends that was not answered at the close.
    closed: OnceLock<Outcome>,
    /// Sessions with calls that wait for another stream, and when to look at them again.
    detached: Mutex<VecDeque<(u64, Weak<Session>)>>,
}

#[derive(Default)]
struct Latest {
    sessions: HashMap<Key, (u64, Arc<Session>)>,
    order: BTreeMap<u64, Key>,
    next: u64,
}

/// One session, or one request without.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Mutex<Connection>,
    /// Number of open streams of the server's messages.
    pub(super) streams: AtomicU32,
}

impl Sessions {
    pub(super) fn new(tools: ToolOptions) -> Self {
        Sessions {
            limits: tools.payload_limits(),
            scope: Scope::default(),
            server: Arc::default(),
            latest: Mutex::default(),
            closed: OnceLock::new(),
            detached: Mutex::default(),
            tools,
        }
    }

    /// Creates a session that is not remembered.
    pub(super) fn create(&self) -> Arc<Session> {
        let mut connection = Connection::new(self.tools.clone(), self.server.clone(), "tcp");
        connection.scope = self.scope.clone();
        Arc::new(Session {
            connection: Mutex::new(connection),
            streams: AtomicU32::new(0),
        })
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Session>> {
        let mut latest = self.latest.lock();
        let Latest {
            sessions,
            order,
            next,
        } = &mut *latest;
        let (place, session) = sessions.get_mut(key)?;
        order.remove(place);
        (*place, *next) = (*next, *next + 1);
        order.insert(*place, key.clone());
        Some(session.clone())
    }

    /// Remembers a session, unless one of this key is.
    pub(super) fn remember(&self, key: &Key, session: &Arc<Session>) {
        let forgotten = self.latest.lock().insert(key, session);
        drop(forgotten);
    }

    pub(super) fn forget(&self, key: &Key) {
        let mut latest = self.latest.lock();
        let forgotten = latest.sessions.remove(key);
        if let Some((place, _)) = &forgotten {
            latest.order.remove(place);
        }
        drop(latest);
        drop(forgotten);
    }

    /// Keeps a call open whose answer can arrive on another stream of the session.
    pub(super) fn detach(&self, session: &Arc<Session>, id: &Id, outcome: Outcome) {
        let deadline_ns = self.deadline_ns();
        let mut connection = session.connection.lock();
        connection.detach(id, deadline_ns, outcome);
        drop(connection);
        let waiting = (deadline_ns, Arc::downgrade(session));
        self.detached.lock().push_back(waiting);
    }

    /// Ends the calls whose answers have not arrived in time on another stream.
    pub(super) fn end_detached(&self) {
        let now_ns = self.now_ns();
        loop {
            let mut detached = self.detached.lock();
            let first = detached.front();
            if first.is_none_or(|(deadline_ns, _)| *deadline_ns > now_ns) {
                return;
            }
            let first = detached.pop_front();
            drop(detached);
            let Some(session) = first.and_then(|(_, session)| session.upgrade()) else {
                continue;
            };
            // While the client listens, the answer may come.
            let waits =
                session.streams.load(Relaxed) > 0 || session.connection.lock().end_detached(now_ns);
            if waits {
                let again = (self.deadline_ns(), Arc::downgrade(&session));
                self.detached.lock().push_back(again);
            }
        }
    }

    /// Ends all calls of all sessions that are remembered. Those of others end with their exchange, see
    /// [`closed`](Self::closed).
    pub(super) fn close(&self, outcome: &Outcome) {
        // The first close wins.
        let _ = self.closed.set(outcome.clone());
        let latest = std::mem::take(&mut *self.latest.lock());
        for (_, session) in latest.sessions.into_values() {
            session.connection.lock().end_all(outcome);
        }
    }

    /// Returns how an exchange ends that was open at the close.
    pub(super) fn closed(&self) -> Option<&Outcome> {
        self.closed.get()
    }

    pub(super) fn counts(&self) -> TapCounts {
        self.server.lock().counts
    }

    fn now_ns(&self) -> u64 {
        let pipeline = self.tools.log.pipeline();
        pipeline.map_or(0, |pipeline| pipeline.shared().clock.monotonic_ns())
    }

    fn deadline_ns(&self) -> u64 {
        self.now_ns().saturating_add(RESUMES.as_nanos() as u64)
    }
}

impl Latest {
    /// Returns the session that makes room.
    fn insert(&mut self, key: &Key, session: &Arc<Session>) -> Option<Arc<Session>> {
        if self.sessions.contains_key(key) {
            return None;
        }
        let place = self.next;
        self.next += 1;
        self.order.insert(place, key.clone());
        self.sessions.insert(key.clone(), (place, session.clone()));
        if self.sessions.len() <= MOST {
            return None;
        }
        let (_, oldest) = self.order.pop_first()?;
        self.sessions.remove(&oldest).map(|(_, session)| session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.get_mut().give_up();
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
