//! Requests that are not answered yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::message::Id;
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
    /// Of a call whose answer can only arrive on another stream.
    pub(super) detached: Option<Detached>,
}

/// A call whose stream has ended before its answer.
#[derive(Debug)]
pub(super) struct Detached {
    /// When it is given up, on the log's monotonic clock.
    pub(super) deadline_ns: u64,
    /// How it ends then.
    pub(super) outcome: Outcome,
}

impl Request {
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
    /// Those with one id are answered in their order.
    requests: HashMap<(Side, Id), VecDeque<(u64, Request)>>,
    order: BTreeMap<u64, (Side, Id)>,
    next: u64,
    /// The numbers of calls.
    calls: BTreeSet<u64>,
}

impl Pending {
    /// Adds a request. Returns the oldest, if there are too many.
    pub(super) fn add(&mut self, side: Side, id: Id, request: Request) -> Option<Request> {
        let number = self.next;
        self.next += 1;
        if matches!(request, Request::Call(_)) {
            self.calls.insert(number);
        }
        let key = (side, id);
        self.order.insert(number, key.clone());
        self.requests
            .entry(key)
            .or_default()
            .push_back((number, request));
        if self.order.len() <= MOST {
            return None;
        }
        let oldest = self.order.first_key_value().map(|(_, key)| key.clone());
        oldest.and_then(|(side, id)| self.remove(side, &id))
    }

    /// Removes the oldest request of a side with this id.
    pub(super) fn remove(&mut self, side: Side, id: &Id) -> Option<Request> {
        let key = (side, id.clone());
        let of_id = self.requests.get_mut(&key)?;
        let (number, request) = of_id.pop_front()?;
        if of_id.is_empty() {
            self.requests.remove(&key);
        }
        self.order.remove(&number);
        self.calls.remove(&number);
        Some(request)
    }

    /// Returns the oldest call with this id.
    pub(super) fn call(&mut self, id: &Id) -> Option<&mut Call> {
        let of_id = self.requests.get_mut(&(Side::Client, id.clone()))?;
        match of_id.front_mut()? {
            (_, Request::Call(call)) => Some(call),
            _ => None,
        }
    }

    /// Returns the ids of all calls, oldest first.
    pub(super) fn call_ids(&self) -> Vec<Id> {
        let numbers = self.calls.iter();
        numbers
            .filter_map(|number| self.order.get(number))
            .map(|(_, id)| id.clone())
            .collect()
    }

    /// Removes all requests, oldest first.
    pub(super) fn drain(&mut self) -> Vec<Request> {
        let keys: Vec<_> = self.order.values().cloned().collect();
        keys.iter()
            .filter_map(|(side, id)| self.remove(*side, id))
            .collect()
    }

    /// Returns the only call that is not answered; `None` if there are several.
    pub(super) fn only_call(&mut self) -> Option<&mut Call> {
        let number = *self.calls.first()?;
        if self.calls.len() > 1 {
            return None;
        }
        let of_id = self.requests.get_mut(self.order.get(&number)?)?;
        let at = of_id.binary_search_by_key(&number, |(one, _)| *one).ok()?;
        match &mut of_id[at].1 {
            Request::Call(call) => Some(call),
            _ => None,
        }
    }

    /// Returns the newest call of the client with this id.
    pub(super) fn newest_call(&mut self, id: &Id) -> Option<&mut Call> {
        let of_id = self.requests.get_mut(&(Side::Client, id.clone()))?;
        match of_id.back_mut()? {
            (_, Request::Call(call)) => Some(call),
            _ => None,
        }
    }
}
