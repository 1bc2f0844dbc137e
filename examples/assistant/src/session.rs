//! A conversation.

use std::fmt;

use serde_json::json;
use tower_activity::{Describe, Outcome};

use crate::Assistant;

/// A conversation. It ends when it is dropped, and is on record then: once, and where there was more than one turn.
pub struct Session<'a> {
    assistant: &'a Assistant,
    id: String,
    prompt: String,
    turns: u64,
}

impl<'a> Session<'a> {
    pub(crate) fn begin(assistant: &'a Assistant, id: String, prompt: String) -> Self {
        Session {
            assistant,
            id,
            prompt,
            turns: 0,
        }
    }

    /// What it began with.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Takes a turn: whatever is done in it is on record inside of it.
    pub fn turn<T>(&mut self, name: &'static str, work: impl FnOnce(&Assistant) -> T) -> T {
        self.turns += 1;
        let Assistant { log, user, .. } = self.assistant;
        let describe = Describe::turn(name)
            .actor(user.clone())
            .agent("assistant")
            .session(self.id.clone());
        let mut running = log.start(describe);
        let done = running.enter(|| work(self.assistant));
        running.end(Outcome::success());
        done
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // One question and its answer is no conversation worth remembering.
        if self.turns <= 1 {
            return;
        }
        let Assistant { log, user, .. } = self.assistant;
        log.event("chat_session")
            .actor(user.clone())
            .session(self.id.clone())
            .reference(self.id.clone())
            .summary(format!("a conversation of {} turns", self.turns))
            .data(json!({"turns": self.turns}))
            // A client that connects again ends the same session again.
            .dedup_key(format!("chat_session/{}", self.id))
            .record();
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}
