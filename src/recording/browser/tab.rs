//! A page, or an iframe in a process of its own: where the script runs in it, and what of it has arrived.

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

use super::redact;
use crate::{
    record::Text,
    recording::{Chunk, Sink},
};

/// How many documents are kept in mind, and how long their names are at most: pages can make up names.
const DOCUMENTS: usize = 1_000;
const LONGEST_NAME: usize = 32;

#[derive(Debug)]
pub(super) struct Tab {
    /// What DevTools call it, and the frame of its own document.
    pub(super) target: String,
    /// The track of its page.
    pub(super) track: Text,
    /// Where the script runs in it: a context for each frame.
    pub(super) contexts: Vec<Context>,
    /// Nobody answers in there until it is loaded again.
    pub(super) crashed: bool,
    /// How many events have arrived of each document, the one that was heard of last at the end.
    documents: Vec<(String, u64)>,
}

/// Where the script runs in a frame.
#[derive(Debug)]
pub(super) struct Context {
    /// Within its process.
    pub(super) id: i64,
    /// Anywhere.
    pub(super) unique: String,
    pub(super) frame: String,
}

/// What a document has handed out, as it says.
#[derive(Debug)]
pub(super) struct HandOver {
    document: String,
    /// How many events of the document have come before.
    first: u64,
    range: (DateTime<Utc>, DateTime<Utc>),
    /// One event a line.
    lines: String,
}

impl Tab {
    pub(super) fn new(target: String, track: Text) -> Self {
        Tab {
            target,
            track,
            contexts: Vec::new(),
            crashed: false,
            documents: Vec::new(),
        }
    }

    /// The frame whose script runs there.
    pub(super) fn frame(&self, context: Option<i64>) -> &str {
        let mut contexts = self.contexts.iter();
        let found = contexts.find(|one| Some(one.id) == context);
        found.map_or(&self.target, |context| &context.frame)
    }

    /// Takes note of a hand-over. Returns how many events are missing before it.
    pub(super) fn heard(&mut self, hand_over: &HandOver) -> u64 {
        let count = hand_over.count();
        let arrived = self.arrived(&hand_over.document);
        let missing = hand_over.first.saturating_sub(*arrived);
        *arrived = (*arrived).max(hand_over.first + count);
        missing
    }

    /// Takes what a document says of itself: its name, and how many events it has had. Returns how many of them are missing.
    pub(super) fn counted(&mut self, said: &str) -> u64 {
        let Some((document, count)) = said.split_once(' ') else {
            return 0;
        };
        let Ok(count) = count.parse::<u32>() else {
            return 0;
        };
        if document.len() > LONGEST_NAME {
            return 0;
        }
        let arrived = self.arrived(document);
        let missing = u64::from(count).saturating_sub(*arrived);
        *arrived += missing;
        missing
    }

    fn arrived(&mut self, document: &str) -> &mut u64 {
        let known = self
            .documents
            .iter()
            .rposition(|(name, _)| name == document);
        let entry = match known {
            Some(at) => self.documents.remove(at),
            None => (document.to_owned(), 0),
        };
        if self.documents.len() == DOCUMENTS {
            self.documents.remove(0);
        }
        let at = self.documents.len();
        self.documents.push(entry);
        &mut self.documents[at].1
    }
}

impl HandOver {
    /// Reads what came through the binding; `None` where it is nothing that the script hands out. A page can say in here
    /// what it likes.
    pub(super) fn read(mut payload: String) -> Option<Self> {
        let (head, _) = payload.split_once('\n')?;
        let mut words = head.split(' ');
        let document = words
            .next()
            .filter(|name| name.len() <= LONGEST_NAME)?
            .to_owned();
        let first: u32 = words.next()?.parse().ok()?;
        let mut instant = || {
            let ms = words.next()?.parse().ok()?;
            DateTime::from_timestamp_millis(ms)
        };
        let range = (instant()?, instant()?);
        payload.drain(..=head.len());
        Some(HandOver {
            document,
            first: first.into(),
            range,
            lines: payload,
        })
    }

    /// How many bytes it takes.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many events it says that it holds.
    pub(super) fn count(&self) -> u64 {
        self.lines.lines().count() as u64
    }

    /// Appends its events without secrets. What is no event would keep all the others from being played.
    pub(super) fn append(self, sink: &Sink, track: Text) {
        let mut events = 0;
        let mut clean = String::with_capacity(self.lines.len());
        for line in self.lines.lines() {
            // Whatever is ignored is read without recursion: pages are nested deep.
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

    fn hand_over(payload: &str) -> Option<HandOver> {
        HandOver::read(payload.to_owned())
    }

    #[test]
    fn what_is_missing_between_two_hand_overs_is_counted_once() {
        let mut tab = Tab::new("target".to_owned(), "tab 1".into());
        let mut heard = |payload: &str| tab.heard(&hand_over(payload).unwrap());
        assert_eq!(heard("a 0 1 2\n{}\n{}\n"), 0);
        assert_eq!(heard("b 0 1 2\n{}\n"), 0);
        assert_eq!(heard("a 3 1 2\n{}\n"), 1);
        assert_eq!(heard("a 0 1 2\n{}\n"), 0);
        assert_eq!(tab.counted("a 4"), 0);
        assert_eq!(tab.counted("a 9"), 5);
        assert_eq!(tab.counted("a 9"), 0);
    }

    #[test]
    fn what_no_script_of_ours_hands_out_is_not_taken() {
        let long = "x".repeat(LONGEST_NAME + 1);
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
            assert!(hand_over(payload).is_none(), "{payload}");
        }
        let mut tab = Tab::new("target".to_owned(), "tab 1".into());
        assert_eq!(tab.counted("a 18446744073709551615"), 0);
        assert_eq!(tab.counted(&format!("{long} 7")), 0);
        for n in 0..2 * DOCUMENTS {
            tab.heard(&hand_over(&format!("{n} 0 1 2\n{{}}")).unwrap());
        }
        assert_eq!(tab.documents.len(), DOCUMENTS);
    }
}
