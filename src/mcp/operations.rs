//! Operations that take more than one request: calls that ask the client something first, and tasks.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasher, Hash, RandomState},
};

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::{
    activity::{Activity, ActivityGuard},
    record::{Capture, Outcome},
};

/// The maximum number of operations of each kind that are remembered, for clients that never come back.
const MAX_OPERATIONS: usize = 1024;

/// The JSON-RPC code of an error without one.
const INTERNAL_ERROR: i64 = -32_603;

/// The operations of a log that go on after a response.
///
/// Stored with the log instead of with a server: over HTTP every request may have a server of its own.
#[derive(Default)]
pub(super) struct Operations {
    hasher: RandomState,
    /// The first calls of operations that wait for input, by the hash of the next call's key.
    continuations: Mutex<BoundedMap<u64, Activity>>,
    tasks: Mutex<BoundedMap<String, Task>>,
}

/// A task that the client has not seen finish.
struct Task {
    running: ActivityGuard,
    capture: Capture,
    /// True if the server has accepted its cancellation. It may still end otherwise.
    cancelling: bool,
}

/// Identifies the operation that a call continues.
#[derive(Debug, Hash)]
pub(super) enum ContinuationKey<'a> {
    /// The server's opaque state, which the client sends back unchanged.
    State(&'a str),
    /// The session or conversation, and the keys of the requested input, which are unique in it.
    Inputs(&'a str, Vec<&'a str>),
}

impl Operations {
    /// Remembers a call that another one with the requested input will continue.
    pub(super) fn wait_for_input<'a>(
        &self,
        name: &str,
        session: Option<&'a str>,
        state: Option<&'a str>,
        keys: Option<impl Iterator<Item = &'a String>>,
        first: Activity,
    ) {
        if let Some(key) = ContinuationKey::new(session, state, keys) {
            let evicted = self
                .continuations
                .lock()
                .insert(self.hash(name, &key), first);
            drop(evicted);
        }
    }

    /// The first call of the operation that this key continues.
    pub(super) fn first(&self, name: &str, key: &ContinuationKey<'_>) -> Option<Activity> {
        self.continuations
            .lock()
            .get(&self.hash(name, key))
            .cloned()
    }

    /// Remembers a running task.
    pub(super) fn add_task(&self, id: String, running: ActivityGuard, capture: Capture) {
        let task = Task {
            running,
            capture,
            cancelling: false,
        };
        let evicted = self.tasks.lock().insert(id, task);
        drop(evicted);
    }

    /// Ends the tasks whose time to live has passed: the server may forget them, and no client will fetch their end.
    pub(super) fn end_expired(&self) {
        let expired = self.tasks.lock().extract(|task| task.running.is_late());
        for Task {
            running,
            cancelling,
            ..
        } in expired
        {
            if cancelling {
                running.end(Outcome::cancelled());
            } else {
                // As a timeout.
                drop(running);
            }
        }
    }

    /// Ends a task that has completed, with the outcome of its result.
    pub(super) fn completed(
        &self,
        id: &str,
        outcome: impl FnOnce(&ActivityGuard, Capture) -> Outcome,
    ) {
        self.end(id, |task| outcome(&task.running, task.capture));
    }

    /// Ends a task that has failed, with the JSON-RPC error.
    pub(super) fn failed(&self, id: &str, error: &Map<String, Value>) {
        self.end(id, |_| {
            let code = error.get("code").and_then(Value::as_i64);
            let outcome = Outcome::failed(code.unwrap_or(INTERNAL_ERROR).to_string());
            match error.get("message").and_then(Value::as_str) {
                Some(message) => outcome.with_message(message),
                None => outcome,
            }
        });
    }

    /// Ends a task that was cancelled.
    pub(super) fn cancelled(&self, id: &str) {
        self.end(id, |_| Outcome::cancelled());
    }

    /// Notes that the server has accepted the cancellation of a task.
    pub(super) fn cancelling(&self, id: &str) {
        if let Some(task) = self.tasks.lock().get_mut(id) {
            task.cancelling = true;
        }
    }

    fn end(&self, id: &str, outcome: impl FnOnce(&Task) -> Outcome) {
        let task = self.tasks.lock().remove(id);
        if let Some(task) = task {
            let outcome = outcome(&task);
            task.running.end(outcome);
        }
    }

    /// Hashes a key: a server's state may be long, and may be secret.
    fn hash(&self, name: &str, key: &ContinuationKey<'_>) -> u64 {
        self.hasher.hash_one((name, key))
    }
}

impl<'a> ContinuationKey<'a> {
    /// `None` if nothing identifies the operation.
    pub(super) fn new(
        session: Option<&'a str>,
        state: Option<&'a str>,
        keys: Option<impl Iterator<Item = &'a String>>,
    ) -> Option<Self> {
        match (state, session, keys) {
            (Some(state), _, _) => Some(ContinuationKey::State(state)),
            (None, Some(session), Some(keys)) => Some(ContinuationKey::Inputs(
                session,
                keys.map(String::as_str).collect(),
            )),
            _ => None,
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

/// A map of bounded size that evicts the oldest entry.
struct BoundedMap<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.values.get_mut(key)
    }

    /// Inserts a value. Returns the value that it replaces or evicts.
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(old) = self.values.insert(key.clone(), value) {
            return Some(old);
        }
        self.order.push_back(key);
        if self.order.len() <= MAX_OPERATIONS {
            return None;
        }
        self.order
            .pop_front()
            .and_then(|oldest| self.values.remove(&oldest))
    }

    fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let value = self.values.remove(key)?;
        self.order.retain(|one| one.borrow() != key);
        Some(value)
    }

    /// Removes and returns the values for which `fits` returns true.
    fn extract(&mut self, fits: impl Fn(&V) -> bool) -> Vec<V> {
        let extracted: Vec<V> = self
            .values
            .extract_if(|_, value| fits(value))
            .map(|(_, value)| value)
            .collect();
        if !extracted.is_empty() {
            self.order.retain(|key| self.values.contains_key(key));
        }
        extracted
    }
}

impl<K, V> Default for BoundedMap<K, V> {
    fn default() -> Self {
        BoundedMap {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_oldest_entry_is_evicted() {
        let mut map = BoundedMap::default();
        for key in 0..MAX_OPERATIONS {
            assert_eq!(map.insert(key, key), None);
        }
        let other = 2 * MAX_OPERATIONS;
        assert_eq!(map.insert(5, other), Some(5), "not a new key");
        assert_eq!(map.insert(MAX_OPERATIONS, MAX_OPERATIONS), Some(0));
        assert_eq!((map.get(&0), map.get(&5)), (None, Some(&other)));
        assert_eq!(map.remove(&1), Some(1));
        assert_eq!(
            map.insert(MAX_OPERATIONS + 1, 0),
            None,
            "there is room again"
        );
        assert_eq!(map.remove(&1), None);
        assert_eq!(map.extract(|value| *value == other), [other]);
        assert_eq!(
            map.insert(MAX_OPERATIONS + 2, 0),
            None,
            "there is room again"
        );
    }
}
