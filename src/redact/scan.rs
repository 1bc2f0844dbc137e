//! The state of one pass over a text: what was found, and what is not looked for twice.

use std::ops::Range;

use crate::redact::{
    REDACTED, Rules,
    rules::{Charset, Class, TABLE},
    spell::{Spelling, end_of},
};

/// How many keys are remembered.
pub(super) const KEYS: usize = 16;

/// The state of one pass.
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) bytes: &'a [u8],
    pub(super) spans: Vec<Found>,
    /// The end of the last secret: nothing begins before it.
    pub(super) done: usize,
    /// A secret that was found ahead: what stands before it is still to be looked at.
    pub(super) ahead: Range<usize>,
    /// The end of the last key that was judged.
    pub(super) key_done: usize,
    /// How far commands, and pairs of a name and a value, were read: what lies before is not read again.
    pub(super) commands_done: usize,
    pub(super) pairs_done: usize,
    pub(super) memo: Memo,
}

/// What was found out and holds for a range of the text.
#[derive(Debug, Default)]
pub(super) struct Memo {
    pub(super) runs: Runs,
    /// No bracket closes before.
    pub(super) unclosed: usize,
    /// No apostrophe stands before.
    pub(super) apostrophe: usize,
    /// Some keys, where they stand, and what they name.
    pub(super) keys: [(usize, usize, Option<Class>); KEYS],
    /// The last `@`, and where its URL's user begins.
    pub(super) user: Option<(usize, Option<usize>)>,
}

/// A secret, which the mark replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The quotes around the mark, where the value is JSON and no string.
    pub(super) quotes: Option<Spelling>,
}

impl Found {
    pub(super) fn new(start: usize, end: usize) -> Found {
        Found {
            start,
            end,
            quotes: None,
        }
    }
}

/// The ends of the last run of each charset, so that no run is read twice.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(usize, usize)>);

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, bytes: &'a [u8]) -> Self {
        Scan {
            rules,
            bytes,
            spans: Vec::new(),
            done: 0,
            ahead: 0..0,
            key_done: 0,
            commands_done: 0,
            pairs_done: 0,
            memo: Memo::default(),
        }
    }

    /// Keeps what was found right behind the place that is looked at.
    pub(super) fn found(&mut self, found: Found) {
        if found.start < found.end {
            self.spans.push(found);
            self.done = self.done.max(found.end);
        }
    }

    /// Keeps a secret, unless a mark stands in it already.
    pub(super) fn secret(&mut self, start: usize, end: usize) {
        if !self.is_marked(start, end) {
            self.found(Found::new(start, end));
        }
    }

    /// Keeps a secret that stands further ahead.
    pub(super) fn secret_ahead(&mut self, found: Found) {
        if found.start < found.end && !self.is_marked(found.start, found.end) {
            self.spans.push(found);
            self.ahead = found.start..found.end;
        }
    }

    pub(super) fn is_marked(&self, start: usize, end: usize) -> bool {
        let mark = REDACTED.as_bytes();
        self.bytes[start..end]
            .windows(mark.len())
            .any(|part| part == mark)
    }
}

impl Runs {
    /// Where the run of these characters ends that begins at `at`.
    pub(super) fn end(&mut self, bytes: &[u8], charset: usize, at: usize) -> usize {
        if self.0.len() <= charset {
            self.0.resize(charset + 1, (0, 0));
        }
        let (start, end) = self.0[charset];
        if (start..end).contains(&at) {
            return end;
        }
        let end = run_end(bytes, at, TABLE.charsets[charset]);
        self.0[charset] = (at, end);
        end
    }
}

pub(super) fn run_end(bytes: &[u8], at: usize, charset: Charset) -> usize {
    end_of(bytes, at, usize::MAX, |byte| charset.has(byte))
}
