//! An assistant that works for a user in a folder, and whose working memory is the record of what it did.
//!
//! Each session begins with a digest of the last days in its prompt. What it does is on record: deliverables once they
//! have ended, each resource that a sync brought something of, what it was told to remember, and sessions in which there
//! was a conversation.

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

/// How many tokens of a prompt are about what happened lately.
const TOKENS: usize = 300;
/// How many characters of what is remembered are on record.
const LONGEST_VALUE: usize = 80;

/// The assistant of one user.
#[derive(Debug, Clone)]
pub struct Assistant {
    log: ActivityLog,
    folder: PathBuf,
    user: String,
}

impl Assistant {
    /// An assistant of this user that works in this folder.
    pub fn new(log: &ActivityLog, folder: impl Into<PathBuf>, user: impl Into<String>) -> Self {
        Assistant {
            log: log.clone(),
            folder: folder.into(),
            user: user.into(),
        }
    }

    /// Begins a conversation. Its prompt says what happened lately, or that this is not known.
    pub fn session(&self, id: impl Into<String>, now: DateTime<Utc>) -> Session<'_> {
        Session::begin(self, id.into(), self.prompt(now))
    }

    /// What a conversation begins with.
    pub fn prompt(&self, now: DateTime<Utc>) -> String {
        let lately = self.lately(now);
        // An outage is not the same as silence: a model that takes it for that tells the user that nothing happened.
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

    /// Makes a deliverable, and writes it to a file. It is on record once it has ended, well or not.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written.
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

    /// Takes what is new on a platform: a folder whose folders are its resources. Each of which something came is on
    /// record, with how much it was.
    ///
    /// # Errors
    ///
    /// When the platform cannot be read, or what is new cannot be kept.
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

    /// Remembers something. The record has its beginning.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn remember(&self, key: &str, value: &str) -> io::Result<()> {
        files::write(&self.folder.join("memory").join(files::name(key)), value)?;
        self.event("memory_written")
            .reference(key)
            .summary(format_args!("{key}: {}", cut(value)))
            .record();
        Ok(())
    }

    /// What was remembered, whole.
    ///
    /// # Errors
    ///
    /// When nothing was remembered by this key, or it cannot be read.
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
