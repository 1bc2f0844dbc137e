//! Requests that are not answered yet.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use super::{counts::Totals, message::Id};
use crate::{
    activity::{Activity, ActivityGuard},
    record::{Capture, Outcome, Text},
};

/// The most requests of a connection that are remembered. The oldest are those that were never answered.
const MOST: usize = 10_000;

/// The side of a connection that sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::mcp) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) enum Request {
    Call(Call),
    /// Of a server to its client.
    ToClient(ActivityGuard),
    Initialize,
    ListTools,
    /// `tasks/get` and `tasks/result`, of a task.
    Task(String),
    /// `tasks/cancel`, of a task.
    CancelTask(String),
}

/// A call that is recorded.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) running: ActivityGuard,
    pub(super) name: Text,
    pub(super) capture: Capture,
    /// True for a tool.
    pub(super) is_tool: bool,
    /// The session or conversation.
    pub(super) session: Option<String>,
    /// The first call of the operation that it continues.
    pub(super) first: Option<Activity>,
    /// Number of lines that were logged during it.
    pub(super) lines: u64,
}

/// A request whose stream has ended before its answer, which can only arrive on another.
#[derive(Debug)]
pub(super) struct Detached {
    /// When it is given up, on the log's monotonic clock.
    pub(super) deadline_ns: u64,
    /// How it ends then.
    pub(super) outcome: Outcome,
    /// The id of the last event before, from which a client resumes its stream; `None` if its answer arrives on the stream of the
    /// session.
    pub(super) event_id: Option<Text>,
}

impl Request {
    /// Returns roughly how many bytes it holds.
    fn bytes(&self) -> usize {
        match self {
            // An activity that is running, with its attributes.
            Request::Call(call) => 2_048 + call.session.as_ref().map_or(0, String::len),
            Request::ToClient(_) => 1_024,
            Request::Task(task) | Request::CancelTask(task) => 256 + task.len(),
            Request::Initialize | Request::ListTools => 256,
        }
    }

    /// Ends its activity, if it has one.
    pub(super) fn end(self, outcome: &Outcome) {
        match self {
            Request::Call(call) => call.running.end(outcome.clone()),
            Request::ToClient(running) => running.end(outcome.clone()),
            _ => {}
        }
    }
}

/// The requests of both sides.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// By their number, which no other of the connection has: clients may use an id again.
    requests: BTreeMap<u64, Entry>,
    /// The numbers of those with one id, in their order.
    by_id: HashMap<(Side, Id), VecDeque<u64>>,
    next: u64,
    /// The numbers of calls.
    calls: BTreeSet<u64>,
    totals: Arc<Totals>,
}

#[derive(Debug)]
struct Entry {
    key: (Side, Id),
    request: Request,
    bytes: usize,
    detached: Option<Detached>,
}

impl Pending {
    /// An empty one, whose bytes are added to these totals.
    pub(super) fn new(totals: Arc<Totals>) -> Self {
        let mut pending = Pending::default();
        pending.totals = totals;
        pending
    }

    /// Adds a request. Returns its number, and the oldest if there are too many.
    pub(super) fn add(&mut self, side: Side, id: Id, request: Request) -> (u64, Option<Request>) {
        let number = self.next;
        self.next += 1;
        if matches!(request, Request::Call(_)) {
            self.calls.insert(number);
        }
        let bytes = id.len() + request.bytes();
        self.totals.held_bytes.fetch_add(bytes, Relaxed);
        let key = (side, id);
        self.by_id.entry(key.clone()).or_default().push_back(number);
        let entry = Entry {
            key,
            request,
            bytes,
            detached: None,
        };
        self.requests.insert(number, entry);
        if self.requests.len() <= MOST {
            return (number, None);
        }
        let oldest = self.requests.keys().next().copied();
        (number, oldest.and_then(|oldest| self.remove(oldest)))
    }

    /// Removes the request with this number.
    pub(super) fn remove(&mut self, number: u64) -> Option<Request> {
        let Entry {
            key,
            request,
            bytes,
            ..
        } = self.requests.remove(&number)?;
        self.totals.held_bytes.fetch_sub(bytes, Relaxed);
        self.calls.remove(&number);
        if let Some(of_id) = self.by_id.get_mut(&key) {
            if let Ok(at) = of_id.binary_search(&number) {
                of_id.remove(at);
            }
            if of_id.is_empty() {
                self.by_id.remove(&key);
            }
        }
        Some(request)
    }

    /// Returns the number of the oldest request of a side with this id: of `own`, which are in order, if one of these has it.
    pub(super) fn find(&self, side: Side, id: &Id, own: &[u64]) -> Option<u64> {
        let of_id = self.by_id.get(&(side, id.clone()))?;
        let first = own.first().copied().unwrap_or(u64::MAX);
        let from = of_id.partition_point(|number| *number < first);
        let mut rest = of_id.range(from..);
        let of_own = rest.find(|number| own.binary_search(number).is_ok());
        of_own.or(of_id.front()).copied()
    }

    pub(super) fn call(&mut self, number: u64) -> Option<&mut Call> {
        match &mut self.requests.get_mut(&number)?.request {
            Request::Call(call) => Some(call),
            _ => None,
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.requests.contains_key(&number)
    }

    /// Returns the number of calls.
    pub(super) fn count_calls(&self) -> usize {
        self.calls.len()
    }

    /// Detaches a request from its stream, or attaches it to another.
    pub(super) fn set_detached(&mut self, number: u64, detached: Option<Detached>) {
        if let Some(entry) = self.requests.get_mut(&number) {
            entry.detached = detached;
        }
    }

    /// Returns the requests that are detached, oldest first.
    pub(super) fn detached(&mut self) -> impl Iterator<Item = (u64, &mut Detached)> {
        let requests = self.requests.iter_mut();
        requests.filter_map(|(number, entry)| Some((*number, entry.detached.as_mut()?)))
    }

    /// Removes all requests, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Request> {
        let numbers: Vec<u64> = self.requests.keys().copied().collect();
        numbers
            .into_iter()
            .filter_map(|number| self.remove(number))
            .collect()
    }

    /// Returns the only call that is not answered; `None` if there are several.
    pub(super) fn only_call(&mut self) -> Option<&mut Call> {
        match self.calls.len() {
            1 => self.call(*self.calls.first()?),
            _ => None,
        }
    }

    /// Returns the newest call of the client with this id.
    pub(super) fn newest_call(&mut self, id: &Id) -> Option<&mut Call> {
        let number = *self.by_id.get(&(Side::Client, id.clone()))?.back()?;
        self.call(number)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let bytes = self.requests.values().map(|entry| entry.bytes).sum();
        self.totals.held_bytes.fetch_sub(bytes, Relaxed);
    }
}
