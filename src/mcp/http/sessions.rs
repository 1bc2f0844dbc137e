//! The sessions of a server, as many as are remembered.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{head::Key, recent::Recent};
use crate::{
    mcp::{
        ToolOptions,
        wire::{Connection, PayloadLimits, Rewriting, Server, ServerName, TapCounts, Totals},
    },
    record::{Outcome, Scope, Text},
};

/// The most sessions that are remembered. Those that were not used for longest are forgotten first.
const MOST: usize = 10_000;
/// The most bytes that the requests without an answer of all sessions may hold, before sessions are forgotten.
const MOST_HELD: usize = 64 << 20;
/// The most paths whose server is remembered.
const MOST_PATHS: usize = 256;
/// The longest path whose server is remembered.
const LONGEST_PATH: usize = 1 << 10;
/// How long a client may take to resume a stream.
const RESUMES: Duration = Duration::from_secs(5 * 60);

/// The sessions of a service.
pub(super) struct Sessions {
    pub(super) tools: ToolOptions,
    pub(super) scope: Scope,
    pub(super) limits: PayloadLimits,
    pub(super) totals: Arc<Totals>,
    name: Mutex<Option<Text>>,
    /// Behind one proxy there may be several.
    servers: Mutex<Recent<String, Arc<Mutex<Server>>>>,
    latest: Mutex<Recent<Key, Arc<Session>>>,
    /// How everything ends that was not answered at the close.
    closed: OnceLock<Outcome>,
    /// Sessions with requests that wait for another stream, by when to look at them again.
    detached: Mutex<BTreeMap<(u64, u64), Weak<Session>>>,
    next: AtomicU64,
}

/// One session, or one request without.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Mutex<Connection>,
    /// Changes its messages, if anything is added to the tools of servers.
    pub(super) rewriting: Option<Mutex<Rewriting>>,
    /// Number of open streams of the server's messages.
    pub(super) streams: AtomicU32,
    /// Number of requests to delete it that are not answered.
    pub(super) deletes: AtomicU32,
    /// True once the server has accepted its id, until it refuses that with 404.
    pub(super) is_established: AtomicBool,
    /// True while it is one of the detached ones.
    is_detached: AtomicBool,
}

impl Sessions {
    pub(super) fn new(tools: ToolOptions) -> Self {
        Sessions {
            limits: tools.payload_limits(),
            scope: Scope::default(),
            totals: Arc::default(),
            name: Mutex::default(),
            servers: Mutex::new(Recent::new(MOST_PATHS)),
            latest: Mutex::new(Recent::new(MOST)),
            closed: OnceLock::new(),
            detached: Mutex::default(),
            next: AtomicU64::new(0),
            tools,
        }
    }

    /// Returns the same without a session, for another scope.
    pub(super) fn with_scope(&self, scope: &Scope) -> Self {
        let mut sessions = Sessions::new(self.tools.clone());
        sessions.scope = scope.clone();
        sessions.name = Mutex::new(self.name.lock().clone());
        sessions
    }

    /// Names all servers.
    pub(super) fn name_servers(&self, name: Text) {
        for server in self.servers.lock().values() {
            server.lock().name = ServerName::Named(name.clone());
        }
        *self.name.lock() = Some(name);
    }

    /// Creates a session of the server at this path. It is not remembered.
    pub(super) fn create(&self, path: &str) -> Arc<Session> {
        let server = self.server(path);
        let additions = &self.tools.additions;
        let rewriting = (!additions.is_empty()).then(|| {
            let own_tools = server.lock().own_tools.clone();
            Mutex::new(Rewriting::new(additions.clone(), own_tools))
        });
        let mut connection =
            Connection::new(self.tools.clone(), server, self.totals.clone(), "tcp");
        connection.scope = self.scope.clone();
        Arc::new(Session {
            connection: Mutex::new(connection),
            rewriting,
            streams: AtomicU32::new(0),
            deletes: AtomicU32::new(0),
            is_established: AtomicBool::new(false),
            is_detached: AtomicBool::new(false),
        })
    }

    fn server(&self, path: &str) -> Arc<Mutex<Server>> {
        let mut servers = self.servers.lock();
        if let Some(server) = servers.get(path) {
            return server;
        }
        let server = Arc::new(Mutex::new(Server::new(self.name.lock().clone())));
        if path.len() <= LONGEST_PATH {
            servers.insert(&path.to_owned(), server.clone());
        }
        server
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Session>> {
        self.latest.lock().get(key)
    }

    /// Remembers a session, unless one of this key is.
    pub(super) fn remember(&self, key: &Key, session: &Arc<Session>) {
        let forgotten = self.latest.lock().insert(key, session.clone());
        drop(forgotten);
    }

    pub(super) fn forget(&self, key: &Key) {
        let forgotten = self.latest.lock().remove(key);
        drop(forgotten);
    }

    /// Counts lists that cannot be extended, because they are compressed. Warns of the first.
    pub(super) fn count_compressed_lists(&self, lists: u64) {
        let mut counts = self.totals.counts.lock();
        let before = counts.compressed_lists;
        counts.compressed_lists += lists;
        if before == 0 && lists > 0 {
            drop(counts);
            tracing::warn!(
                target: "tower_activity::mcp",
                "a list of tools is compressed: nothing is added to it; let the server follow `accept-encoding: identity`"
            );
        }
    }

    /// Forgets sessions while the requests without an answer hold too much, but not the one that was used last.
    pub(super) fn make_room(&self) {
        while self.totals.held_bytes.load(Relaxed) > MOST_HELD {
            let mut latest = self.latest.lock();
            if latest.len() < 2 {
                return;
            }
            let forgotten = latest.pop_oldest();
            drop(latest);
            if let Some(session) = forgotten {
                session.connection.lock().give_up();
            }
        }
    }

    /// Keeps a request open whose answer can arrive on another stream: on one that resumes after this event, or without one on the
    /// stream of the session.
    pub(super) fn detach(
        &self,
        session: &Arc<Session>,
        request: u64,
        outcome: Outcome,
        event_id: Option<Text>,
    ) {
        let deadline_ns = self.deadline_ns();
        let mut connection = session.connection.lock();
        connection.detach(request, deadline_ns, outcome, event_id);
        drop(connection);
        if !session.is_detached.swap(true, Relaxed) {
            self.look_again(session, deadline_ns);
        }
    }

    fn look_again(&self, session: &Arc<Session>, at_ns: u64) {
        let key = (at_ns, self.next.fetch_add(1, Relaxed));
        self.detached.lock().insert(key, Arc::downgrade(session));
    }

    /// Ends the requests whose answers have not arrived in time on another stream.
    pub(super) fn end_detached(&self) {
        let now_ns = self.now_ns();
        loop {
            let mut detached = self.detached.lock();
            let first = detached.first_entry();
            let Some(due) = first.filter(|first| first.key().0 <= now_ns) else {
                return;
            };
            let session = due.remove();
            drop(detached);
            let Some(session) = session.upgrade() else {
                continue;
            };
            // Before the look: what is detached from now on adds it again.
            session.is_detached.store(false, Relaxed);
            // While the client listens, the answer may come.
            let listens = session.streams.load(Relaxed) > 0;
            let later_ns = listens.then(|| self.deadline_ns());
            let next_ns = session.connection.lock().end_detached(now_ns, later_ns);
            if let Some(next_ns) = next_ns
                && !session.is_detached.swap(true, Relaxed)
            {
                self.look_again(&session, next_ns);
            }
        }
    }

    /// Ends all calls of all sessions that are remembered. Those of others end with their exchange, see
    /// [`closed`](Self::closed).
    pub(super) fn close(&self, outcome: &Outcome) {
        // The first close wins.
        let _ = self.closed.set(outcome.clone());
        let latest = self.latest.lock().drain();
        for session in latest {
            session.connection.lock().end_all(outcome);
        }
    }

    /// Returns how an exchange ends that was open at the close.
    pub(super) fn closed(&self) -> Option<&Outcome> {
        self.closed.get()
    }

    pub(super) fn counts(&self) -> TapCounts {
        *self.totals.counts.lock()
    }

    fn now_ns(&self) -> u64 {
        let pipeline = self.tools.log.pipeline();
        pipeline.map_or(0, |pipeline| pipeline.shared().clock.monotonic_ns())
    }

    fn deadline_ns(&self) -> u64 {
        self.now_ns().saturating_add(RESUMES.as_nanos() as u64)
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
