//! An assistant that works for a user in a folder, and whose working memory is its activity log.
//!
//! The prompt of each session starts with a digest of the last days. Recorded are deliverables, resources with new items in a
//! sync, remembered values, and sessions of more than one turn.

mod files;
mod session;

use std::{fs, io, path::PathBuf};

use chrono::{DateTime, Utc};
use serde_json::json;
use tower_activity::{
    ActivityLog, Event,
    query::{Digest, DigestQuery},
};

pub use session::Session;

/// The token budget of the digest in a prompt.
const TOKENS: usize = 300;
/// The maximum number of characters of a remembered value in the log.
const LONGEST_VALUE: usize = 80;

/// The assistant of one user.
#[derive(Debug, Clone)]
pub struct Assistant {
    log: ActivityLog,
    folder: PathBuf,
    user: String,
}

impl Assistant {
    /// Creates an assistant of this user that works in this folder.
    pub fn new(log: &ActivityLog, folder: impl Into<PathBuf>, user: impl Into<String>) -> Self {
        Assistant {
            log: log.clone(),
            folder: folder.into(),
            user: user.into(),
        }
    }

    /// Starts a conversation. Its prompt contains the recent activity, or that it is unavailable.
    pub fn session(&self, id: impl Into<String>, now: DateTime<Utc>) -> Session<'_> {
        Session::new(self, id.into(), self.prompt(now))
    }

    /// Returns the prompt of a conversation.
    pub fn prompt(&self, now: DateTime<Utc>) -> String {
        let lately = self.lately(now);
        // An outage must not look like silence, or the model tells the user that nothing happened.
        let lately = lately.unwrap_or_else(|_| Digest::UNAVAILABLE.to_owned());
        let parting = if lately.is_empty() { "" } else { "\n\n" };
        format!(
            "You are the assistant of {}. Be brief.{parting}{lately}",
            self.user
        )
    }

    pub(crate) fn event(&self, event_type: &'static str) -> Event {
        self.log.event(event_type).actor(&self.user)
    }

    fn lately(&self, now: DateTime<Utc>) -> tower_activity::Result<String> {
        let query = DigestQuery::new(now).actor(&self.user);
        self.log.reader()?.digest(&query)?.list(TOKENS)
    }

    /// Creates a deliverable and writes it to a file. It is recorded whether it succeeds or fails.
    ///
    /// # Errors
    ///
    /// If it cannot be created or written.
    pub fn run_deliverable(
        &self,
        title: &str,
        make: impl FnOnce() -> io::Result<String>,
    ) -> io::Result<PathBuf> {
        let path = self.folder.join("deliverables").join(files::name(title));
        let made = make().and_then(|text| {
            files::write(&path, &text)?;
            Ok(text.lines().count())
        });
        self.event("deliverable_run")
            .reference(path.display())
            .summary(title)
            .result_with(&made, |event, lines| {
                event
                    .summary(format_args!("{title}: {lines} lines"))
                    .data(json!({"lines": lines}))
            })
            .record();
        made.map(|_| path)
    }

    /// Copies new items from a platform: a folder whose subfolders are its resources. Each resource with new items is
    /// recorded, with their number.
    ///
    /// # Errors
    ///
    /// If the platform cannot be read, or the items cannot be written.
    pub fn sync(&self, platform: &str, from: &std::path::Path) -> io::Result<usize> {
        let mut all = 0;
        for resource in files::folders(from)? {
            let into = self.folder.join(platform).join(&resource);
            let items = files::take_new(&from.join(&resource), &into)?;
            if items > 0 {
                self.event("platform_synced")
                    .count(items as u64)
                    .reference(format_args!("{platform}/{resource}"))
                    .summary(format_args!("{platform}: {items} new in {resource}"))
                    .record();
            }
            all += items;
        }
        Ok(all)
    }

    /// Remembers a value. Its first characters are recorded.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn remember(&self, key: &str, value: &str) -> io::Result<()> {
        files::write(&self.folder.join("memory").join(files::name(key)), value)?;
        self.event("memory_written")
            .reference(key)
            .summary(format_args!("{key}: {}", cut(value)))
            .record();
        Ok(())
    }

    /// Returns a remembered value.
    ///
    /// # Errors
    ///
    /// If there is no value for this key, or it cannot be read.
    pub fn recall(&self, key: &str) -> io::Result<String> {
        fs::read_to_string(self.folder.join("memory").join(files::name(key)))
    }
}

/// The value, or its first 80 characters and `...`.
fn cut(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_at_80_characters_whatever_their_bytes() {
        let check = |value: &str, expected: &str| assert_eq!(cut(value), expected);
        check("", "");
        check(&"é".repeat(80), &"é".repeat(80));
        check(&"é".repeat(81), &format!("{}...", "é".repeat(80)));
    }
}
