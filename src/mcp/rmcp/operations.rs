//! Operations that take more than one request: calls that ask the client something first, and tasks.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{BuildHasher, Hash, RandomState},
};

use parking_lot::Mutex;
use rmcp::model::{CallToolResult, DetailedTask, ErrorCode, InputRequiredResult, TaskPayload};

use crate::{
    activity::{Activity, Running},
    mcp::rmcp::answer,
    record::{Capture, Outcome},
};

/// How many operations of each sort are remembered. A client that never comes back costs no more.
const MOST: usize = 1024;

/// The operations of a log that go on after an answer.
///
/// They are kept with the log and not with a server: over HTTP every request may have a server of its own.
#[derive(Default)]
pub(in crate::mcp) struct Operations {
    hasher: RandomState,
    /// The first calls of those that asked for input, by what the next one will say.
    asked: Mutex<Newest<u64, Activity>>,
    tasks: Mutex<Newest<String, Task>>,
}

/// A task whose end nobody has seen.
struct Task {
    running: Running,
    capture: Capture,
}

/// What says that a call goes on with an earlier one.
#[derive(Debug, Hash)]
pub(super) enum Round<'a> {
    /// It brings back what the server gave it for that, word by word.
    State(&'a str),
    /// It answers these questions, in a session that asks each question once.
    Answers(&'a str, Vec<&'a str>),
}

impl Operations {
    /// Remembers that a call goes on in another one, which will say this.
    pub(super) fn ask(
        &self,
        name: &str,
        session: Option<&str>,
        asked: &InputRequiredResult,
        first: Activity,
    ) {
        let keys = asked.input_requests.as_ref().map(|asked| asked.keys());
        if let Some(round) = Round::new(session, asked.request_state.as_deref(), keys) {
            let forgotten = self.asked.lock().put(self.key(name, &round), first);
            drop(forgotten);
        }
    }

    /// The first call of the operation that this one goes on with.
    pub(super) fn first(&self, name: &str, round: &Round<'_>) -> Option<Activity> {
        self.asked.lock().get(&self.key(name, round)).cloned()
    }

    /// Remembers a task that goes on.
    pub(super) fn begin(&self, id: String, running: Running, capture: Capture) {
        let task = Task { running, capture };
        let forgotten = self.tasks.lock().put(id, task);
        drop(forgotten);
    }

    /// Ends the tasks whose time is up: a server may forget them, so that nobody is told their end.
    pub(super) fn end_late(&self) {
        // They end when they are dropped: not under the lock.
        let late = self.tasks.lock().take_all(|task| task.running.is_late());
        drop(late);
    }

    /// Ends a task that the client is told the end of.
    pub(super) fn seen(&self, task: &DetailedTask) {
        match &task.payload {
            TaskPayload::Completed { result } => self.end(&task.task.task_id, |task| {
                let result = serde_json::Value::Object(result.clone());
                match serde_json::from_value::<CallToolResult>(result) {
                    Ok(result) => answer::outcome(&task.running, &result, task.capture),
                    Err(_) => Outcome::success(),
                }
            }),
            TaskPayload::Failed { error } => self.end(&task.task.task_id, |_| {
                let code = error.get("code").and_then(serde_json::Value::as_i64);
                let code = code.unwrap_or(ErrorCode::INTERNAL_ERROR.0.into());
                let outcome = Outcome::failed(code.to_string());
                match error.get("message").and_then(serde_json::Value::as_str) {
                    Some(message) => outcome.with_message(message.to_owned()),
                    None => outcome,
                }
            }),
            TaskPayload::Cancelled => self.cancelled(&task.task.task_id),
            _ => {}
        }
    }

    /// Ends a task that the client has cancelled.
    pub(super) fn cancelled(&self, id: &str) {
        self.end(id, |_| Outcome::cancelled());
    }

    fn end(&self, id: &str, outcome: impl FnOnce(&Task) -> Outcome) {
        let task = self.tasks.lock().take(id);
        if let Some(task) = task {
            let outcome = outcome(&task);
            task.running.end(outcome);
        }
    }

    /// A hash: what a server has its client bring back may be long, and is not ours to keep.
    fn key(&self, name: &str, round: &Round<'_>) -> u64 {
        self.hasher.hash_one((name, round))
    }
}

impl<'a> Round<'a> {
    /// `None` where nothing tells one operation from another.
    pub(super) fn new(
        session: Option<&'a str>,
        state: Option<&'a str>,
        keys: Option<impl Iterator<Item = &'a String>>,
    ) -> Option<Self> {
        match (state, session, keys) {
            (Some(state), _, _) => Some(Round::State(state)),
            (None, Some(session), Some(keys)) => {
                Some(Round::Answers(session, keys.map(String::as_str).collect()))
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

/// A map that forgets the oldest.
struct Newest<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V> Newest<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key)
    }

    /// Gives back what it forgets.
    fn put(&mut self, key: K, value: V) -> Option<V> {
        if let Some(old) = self.values.insert(key.clone(), value) {
            return Some(old);
        }
        self.order.push_back(key);
        if self.order.len() <= MOST {
            return None;
        }
        self.order
            .pop_front()
            .and_then(|oldest| self.values.remove(&oldest))
    }

    fn take<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let value = self.values.remove(key)?;
        self.order.retain(|one| one.borrow() != key);
        Some(value)
    }

    /// Takes out what fits.
    fn take_all(&mut self, fits: impl Fn(&V) -> bool) -> Vec<V> {
        let taken: Vec<V> = self
            .values
            .extract_if(|_, value| fits(value))
            .map(|(_, value)| value)
            .collect();
        if !taken.is_empty() {
            self.order.retain(|key| self.values.contains_key(key));
        }
        taken
    }
}

impl<K, V> Default for Newest<K, V> {
    fn default() -> Self {
        Newest {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_and_nothing_else() {
        let mut newest = Newest::default();
        for key in 0..MOST {
            assert_eq!(newest.put(key, key), None);
        }
        let other = 2 * MOST;
        assert_eq!(newest.put(5, other), Some(5), "no new key");
        assert_eq!(newest.put(MOST, MOST), Some(0));
        assert_eq!((newest.get(&0), newest.get(&5)), (None, Some(&other)));
        assert_eq!(newest.take(&1), Some(1));
        assert_eq!(newest.put(MOST + 1, 0), None, "there is room again");
        assert_eq!(newest.take(&1), None);
        assert_eq!(newest.take_all(|value| *value == other), [other]);
        assert_eq!(newest.put(MOST + 2, 0), None, "there is room again");
    }
}
