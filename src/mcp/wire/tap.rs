//! The public handle: reads what both sides of a connection send.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    connection::Connection,
    counts::TapCounts,
    fields::PayloadLimits,
    message::Id,
    pending::Side,
    place::Place,
    rewriting::Rewriting,
    scan::{Found, Framing, Scanner},
    server::ServerName,
};
use crate::{
    activity::guarded,
    mcp::{ToolOptions, intent::Reported},
    record::{Capture, InstanceId, Outcome, Scope, Text},
};

/// How much of a payload is read for a preview, and for all of it.
const PREVIEW_BYTES: usize = 64 << 10;
const FULL_BYTES: usize = 4 << 20;

/// Records the calls between an MCP client and a server, from the bytes that they send each other. Returned by
/// [`ToolOptions::tap`].
///
/// It understands every protocol version up to 2026-07-28, of any SDK. It only reads: the program passes all bytes on. Lines that are
/// not MCP are [counted](Tap::counts). Memory is bounded by what is kept of a message, not by its
/// length: previews read at most 64 KiB of a payload, and 4 MiB for [`Capture::Full`].
///
/// # Examples
///
/// ```
/// use tower_activity::ActivityLog;
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let tap = log.tools().tap();
/// let (mut client, mut server) = (tap.client_reader(), tap.server_reader());
/// // What arrives from the client, before it is passed on, in pieces of any size.
/// client.read(br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","#);
/// client.read(b"\"arguments\":{}}}\n");
/// server.read(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n");
///
/// assert_eq!(log.shutdown().wait()?.activities.committed, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tap {
    connection: Arc<Mutex<Connection>>,
    limits: PayloadLimits,
    pub(super) rewriting: Arc<Mutex<Rewriting>>,
}

/// Reads what one side of a connection sends. Returned by [`Tap`].
#[derive(Debug)]
pub struct TapReader {
    side: Side,
    /// `None` after a fault.
    scanner: Option<Scanner>,
    connection: Arc<Mutex<Connection>>,
}

/// Returns an id for a session whose protocol has none.
pub(in crate::mcp) fn session_id() -> Text {
    let now = chrono::Utc::now().timestamp_micros();
    InstanceId::from_parts(now, fastrand::u64(..))
        .to_string()
        .into()
}

impl ToolOptions {
    /// Returns a reader of a connection over standard input and output, for a program that passes its bytes on. Each connection has
    /// its own.
    pub fn tap(&self) -> Tap {
        let mut connection = Connection::new(self.clone(), Arc::default(), Arc::default(), "pipe");
        connection.session = Some(session_id());
        Tap {
            limits: self.payload_limits(),
            connection: Arc::new(Mutex::new(connection)),
            rewriting: Arc::new(Mutex::new(Rewriting::new(
                self.additions.clone(),
                Arc::default(),
            ))),
        }
    }

    /// Returns how much of payloads has to be read.
    pub(in crate::mcp) fn payload_limits(&self) -> PayloadLimits {
        let bytes = |capture| match capture {
            Capture::Off => 0,
            Capture::Preview => PREVIEW_BYTES,
            Capture::Full => FULL_BYTES,
        };
        let most = self.most_captured();
        PayloadLimits {
            arguments: match self.reads_arguments() {
                true => bytes(most).max(PREVIEW_BYTES),
                false => 0,
            },
            result: bytes(most),
        }
    }
}

impl Tap {
    /// Sets what every call belongs to.
    pub fn scope(self, scope: &Scope) -> Self {
        self.connection.lock().scope = scope.clone();
        self
    }

    /// Names the server; by default as it names itself.
    pub fn server_name(self, name: impl Into<Text>) -> Self {
        let connection = self.connection.lock();
        connection.server.lock().name = ServerName::Named(name.into());
        drop(connection);
        self
    }

    /// Returns the reader of what the client sends. It must see a message before the server does.
    pub fn client_reader(&self) -> TapReader {
        self.reader(Side::Client)
    }

    /// Returns the reader of what the server sends. It must see a message before the client does.
    pub fn server_reader(&self) -> TapReader {
        self.reader(Side::Server)
    }

    fn reader(&self, side: Side) -> TapReader {
        TapReader {
            side,
            scanner: Some(Scanner::new(Framing::Lines, self.limits)),
            connection: self.connection.clone(),
        }
    }

    /// Records a line of the server's log as an event of the call that is running, if there is one and no other. At most 128 of a
    /// call are kept.
    pub fn log_line(&self, line: &str) {
        self.connection.lock().log_line(line);
    }

    /// Ends all calls that were not answered, and those that a reader reads later: the connection was closed.
    pub fn close(&self, outcome: &Outcome) {
        self.connection.lock().close_for_good(outcome);
    }

    /// Returns the counts of the messages so far.
    pub fn counts(&self) -> TapCounts {
        let mut counts = *self.connection.lock().totals.counts.lock();
        counts.too_long = self.rewriting.lock().too_long;
        counts
    }

    /// Adds to the newest call with this id what its caller has reported.
    pub(super) fn report(&self, id: &Id, reported: Reported) {
        self.connection.lock().report(id, reported);
    }
}

impl TapReader {
    /// Reads the next bytes. Takes linear time, and never waits for the store. It does not panic: after a fault it reads no more.
    pub fn read(&mut self, bytes: &[u8]) {
        let (side, connection) = (self.side, &self.connection);
        let Some(scanner) = &mut self.scanner else {
            return;
        };
        let read = guarded(|| {
            scanner.read(bytes, &mut |found| {
                let mut connection = connection.lock();
                match found {
                    Found::Message(fields) | Found::InBatch(fields) => {
                        connection.message(side, &fields, &mut Place::Top, &[]);
                        connection.end_late();
                    }
                    Found::Other => connection.totals.counts.lock().others += 1,
                    Found::Endpoint(_) => {}
                }
            });
        });
        if read.is_none() {
            self.scanner = None;
        }
    }
}
