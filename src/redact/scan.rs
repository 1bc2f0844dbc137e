//! The state of one pass over a text: the secrets found, and memoized results.

use std::ops::Range;

use crate::redact::{
    REDACTED, Rules,
    encoded_char::{Encoding, end_while},
    rules::{Charset, Class, TABLE},
};

/// Number of memoized keys.
pub(super) const KEYS: usize = 16;

/// The state of one pass.
pub(super) struct Scan<'a> {
    pub(super) rules: &'a Rules,
    pub(super) bytes: &'a [u8],
    pub(super) secrets: Vec<SecretSpan>,
    /// End of the last secret: no other starts before it.
    pub(super) done: usize,
    /// A secret found ahead: the text before it is still to be scanned.
    pub(super) ahead: Range<usize>,
    /// End of the last classified key.
    pub(super) key_done: usize,
    /// End of the command lines that were read: they are not read again.
    pub(super) commands_done: usize,
    /// End of the name/value pairs that were read: they are not read again.
    pub(super) pairs_done: usize,
    pub(super) memo: Memo,
}

/// Memoized results that hold for a range of the text.
#[derive(Debug, Default)]
pub(super) struct Memo {
    pub(super) runs: Runs,
    /// There is no closing bracket before this position.
    pub(super) unclosed: usize,
    /// There is no apostrophe before this position.
    pub(super) apostrophe: usize,
    /// Classes of recent keys, by their bounds.
    pub(super) keys: [(usize, usize, Option<Class>); KEYS],
    /// The last `@`, and the start of the user in its URL.
    pub(super) user: Option<(usize, Option<usize>)>,
}

/// The span of a secret, to be replaced by the mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecretSpan {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Encoding of quotes added around the mark, for a JSON value that is not a string.
    pub(super) quotes: Option<Encoding>,
}

impl SecretSpan {
    pub(super) fn new(start: usize, end: usize) -> SecretSpan {
        SecretSpan {
            start,
            end,
            quotes: None,
        }
    }
}

/// The last run of each charset, so that no run is read twice.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(usize, usize)>);

impl<'a> Scan<'a> {
    pub(super) fn new(rules: &'a Rules, bytes: &'a [u8]) -> Self {
        Scan {
            rules,
            bytes,
            secrets: Vec::new(),
            done: 0,
            ahead: 0..0,
            key_done: 0,
            commands_done: 0,
            pairs_done: 0,
            memo: Memo::default(),
        }
    }

    /// Adds a secret at the current position.
    pub(super) fn add(&mut self, found: SecretSpan) {
        if found.start < found.end {
            self.secrets.push(found);
            self.done = self.done.max(found.end);
        }
    }

    /// Adds a secret, unless it contains a mark.
    pub(super) fn add_secret(&mut self, start: usize, end: usize) {
        if !self.contains_mark(start, end) {
            self.add(SecretSpan::new(start, end));
        }
    }

    /// Adds a secret ahead of the current position, unless it contains a mark.
    pub(super) fn add_secret_ahead(&mut self, found: SecretSpan) {
        if found.start < found.end && !self.contains_mark(found.start, found.end) {
            self.secrets.push(found);
            self.ahead = found.start..found.end;
        }
    }

    pub(super) fn contains_mark(&self, start: usize, end: usize) -> bool {
        let mark = REDACTED.as_bytes();
        self.bytes[start..end]
            .windows(mark.len())
            .any(|part| part == mark)
    }
}

impl Runs {
    /// Returns the end of the run of these characters from `at`.
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
    end_while(bytes, at, usize::MAX, |byte| charset.has(byte))
}
