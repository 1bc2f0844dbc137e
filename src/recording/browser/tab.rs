//! A page, or an iframe with its own process: its script contexts, and the events received from it.

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use super::redact;
use crate::{
    record::Text,
    recording::{Chunk, Sink},
};

/// Maximum number of documents tracked per tab: pages can invent names.
const MAX_DOCUMENTS: usize = 1_000;
/// Maximum number of contexts tracked per tab: a page can create any number of iframes.
const MAX_CONTEXTS: usize = 256;
/// Maximum length of a document's name in bytes.
const MAX_NAME: usize = 32;

#[derive(Debug)]
pub(super) struct Tab {
    /// The DevTools target id, which is also the frame id of its main document.
    pub(super) target: String,
    /// The track of its page.
    pub(super) track: Text,
    /// The execution contexts of the script, one per frame, at most [`MAX_CONTEXTS`].
    pub(super) contexts: Vec<Context>,
    /// The call that enables messages on the console. Those before its response are from before the recording.
    pub(super) enable_call: u64,
    /// True after the response.
    pub(super) records_console: bool,
    /// True after a crash until it is reloaded: it does not respond.
    pub(super) crashed: bool,
    /// Number of events received per document, most recently used last.
    documents: Vec<(String, u64)>,
}

/// An execution context of the script in a frame.
#[derive(Debug)]
pub(super) struct Context {
    /// Unique within its process.
    pub(super) id: i64,
    /// Unique across processes.
    pub(super) unique_id: String,
    pub(super) frame: String,
}

/// A batch of events sent by a document. Its content is untrusted.
#[derive(Debug)]
pub(super) struct EventBatch {
    document: String,
    /// Number of events of the document before this batch.
    first: u64,
    range: (DateTime<Utc>, DateTime<Utc>),
    /// One event per line.
    lines: String,
}

impl Tab {
    pub(super) fn new(target: String, track: Text, enable_call: u64) -> Self {
        Tab {
            target,
            track,
            enable_call,
            records_console: false,
            contexts: Vec::new(),
            crashed: false,
            documents: Vec::new(),
        }
    }

    /// Tracks a context. Returns false if there are too many.
    pub(super) fn add_context(&mut self, context: Context) -> bool {
        let fits = self.contexts.len() < MAX_CONTEXTS;
        if fits {
            self.contexts.push(context);
        }
        fits
    }

    /// Returns the frame of a context.
    pub(super) fn frame(&self, context: Option<i64>) -> &str {
        let mut contexts = self.contexts.iter();
        let found = contexts.find(|one| Some(one.id) == context);
        found.map_or(&self.target, |context| &context.frame)
    }

    /// Counts the events of a received batch. Returns the number of events missing before it.
    pub(super) fn receive(&mut self, batch: &EventBatch) -> u64 {
        let count = batch.count();
        let received = self.received(&batch.document);
        let missing = batch.first.saturating_sub(*received);
        *received = (*received).max(batch.first + count);
        missing
    }

    /// Compares the event count reported by a document (`NAME COUNT`) with the events received. Returns the number of
    /// missing events.
    pub(super) fn reconcile(&mut self, report: &str) -> u64 {
        let Some((document, count)) = report.split_once(' ') else {
            return 0;
        };
        let Ok(count) = count.parse::<u32>() else {
            return 0;
        };
        if document.len() > MAX_NAME {
            return 0;
        }
        let received = self.received(document);
        let missing = u64::from(count).saturating_sub(*received);
        *received += missing;
        missing
    }

    /// Returns the number of events received from a document. Forgets the least recently used one beyond the limit.
    fn received(&mut self, document: &str) -> &mut u64 {
        let known = self
            .documents
            .iter()
            .rposition(|(name, _)| name == document);
        let entry = match known {
            Some(at) => self.documents.remove(at),
            None => (document.to_owned(), 0),
        };
        if self.documents.len() == MAX_DOCUMENTS {
            self.documents.remove(0);
        }
        let at = self.documents.len();
        self.documents.push(entry);
        &mut self.documents[at].1
    }
}

impl EventBatch {
    /// Parses a payload of the binding; `None` if it is not in the script's format. Pages can send arbitrary payloads.
    pub(super) fn parse(mut payload: String) -> Option<Self> {
        let (head, _) = payload.split_once('\n')?;
        let mut words = head.split(' ');
        let document = words
            .next()
            .filter(|name| name.len() <= MAX_NAME)?
            .to_owned();
        let first: u32 = words.next()?.parse().ok()?;
        let mut instant = || {
            let ms = words.next()?.parse().ok()?;
            DateTime::from_timestamp_millis(ms)
        };
        let range = (instant()?, instant()?);
        payload.drain(..=head.len());
        Some(EventBatch {
            document,
            first: first.into(),
            range,
            lines: payload,
        })
    }

    /// Returns the size of the events in bytes.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns the number of lines, each of which should be an event.
    pub(super) fn count(&self) -> u64 {
        self.lines.lines().count() as u64
    }

    /// Redacts and appends the events. An invalid line is dropped, as it would make the whole track unplayable.
    pub(super) fn append(self, sink: &Sink, track: Text) {
        let mut events = 0;
        let mut clean = String::with_capacity(self.lines.len());
        for line in self.lines.lines() {
            // `IgnoredAny` is parsed without recursion: pages are nested deeply.
            if !line.starts_with('{') || serde_json::from_str::<IgnoredAny>(line).is_err() {
                sink.lost(1);
                continue;
            }
            events += 1;
            clean.push_str(&redact::lines(line, |key, value| {
                sink.redact_json(key, value)
            }));
            clean.push('\n');
        }
        if events > 0 {
            let (from, until) = self.range;
            let chunk = Chunk::new(clean).track(track).events(events);
            sink.append(chunk.between(from, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(payload: &str) -> Option<EventBatch> {
        EventBatch::parse(payload.to_owned())
    }

    #[test]
    fn events_missing_between_batches_are_counted_once() {
        let mut tab = Tab::new("target".to_owned(), "tab 1".into(), 1);
        let mut receive = |payload: &str| tab.receive(&batch(payload).unwrap());
        assert_eq!(receive("a 0 1 2\n{}\n{}\n"), 0);
        assert_eq!(receive("b 0 1 2\n{}\n"), 0);
        assert_eq!(receive("a 3 1 2\n{}\n"), 1);
        assert_eq!(receive("a 0 1 2\n{}\n"), 0);
        assert_eq!(tab.reconcile("a 4"), 0);
        assert_eq!(tab.reconcile("a 9"), 5);
        assert_eq!(tab.reconcile("a 9"), 0);
    }

    #[test]
    fn payloads_in_another_format_are_rejected() {
        let long = "x".repeat(MAX_NAME + 1);
        for payload in [
            "",
            "a",
            "a 0 1 2",
            "a 0 1\n{}",
            "a 18446744073709551615 1 2\n{}",
            "a -1 1 2\n{}",
            "a 0 9223372036854775807 2\n{}",
            &format!("{long} 0 1 2\n{{}}"),
        ] {
            assert!(batch(payload).is_none(), "{payload}");
        }
        let mut tab = Tab::new("target".to_owned(), "tab 1".into(), 1);
        assert_eq!(tab.reconcile("a 18446744073709551615"), 0);
        assert_eq!(tab.reconcile(&format!("{long} 7")), 0);
        for n in 0..2 * MAX_DOCUMENTS {
            tab.receive(&batch(&format!("{n} 0 1 2\n{{}}")).unwrap());
        }
        assert_eq!(tab.documents.len(), MAX_DOCUMENTS);
    }
}
