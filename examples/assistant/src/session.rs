//! A conversation.

use std::fmt;

use serde_json::json;
use tower_activity::Describe;

use crate::Assistant;

/// A conversation. It ends when it is dropped, and is then recorded, once, if it had more than one turn.
pub struct Session<'a> {
    assistant: &'a Assistant,
    id: String,
    prompt: String,
    turns: u64,
}

impl<'a> Session<'a> {
    pub(crate) fn new(assistant: &'a Assistant, id: String, prompt: String) -> Self {
        Session {
            assistant,
            id,
            prompt,
            turns: 0,
        }
    }

    /// Its prompt.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Takes a turn: the work is recorded inside it.
    pub fn turn<T>(&mut self, name: &'static str, work: impl FnOnce(&Assistant) -> T) -> T {
        self.turns += 1;
        let Assistant { log, user, .. } = self.assistant;
        let turn = Describe::turn(name)
            .actor(user)
            .agent("assistant")
            .session(&self.id);
        log.start(turn).run(|| work(self.assistant))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // A single question is not worth remembering.
        if self.turns <= 1 {
            return;
        }
        self.assistant
            .event("chat_session")
            .session(&self.id)
            .reference(&self.id)
            .summary(format_args!("a conversation of {} turns", self.turns))
            .data(json!({"turns": self.turns}))
            // A client that reconnects ends the same session again.
            .dedup_key(format_args!("chat_session/{}", self.id))
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
