//! The Aho-Corasick automaton that finds every position where a secret may start, in one pass.

use std::sync::LazyLock;

use aho_corasick::{
    Anchored, MatchKind, StartKind,
    automaton::{Automaton as _, StateID},
    dfa::DFA,
};

use crate::redact::{
    commands::OPTIONS,
    key_span::ASSIGNMENT_COMMANDS,
    keys::Key,
    rules::{Place, TABLE, Table},
};

/// The automaton of the standard rules, built once.
pub(super) static STANDARD: LazyLock<Automaton> = LazyLock::new(|| Automaton::new(true, &[]));

/// The automaton of names in other scripts. Separate, because their bytes would double the size of the standard one.
pub(super) static FOREIGN: LazyLock<Automaton> = LazyLock::new(|| {
    let mut builder = Builder::default();
    let names = TABLE.names.iter().filter(|(name, ..)| !name.is_ascii());
    names.for_each(|(name, ..)| builder.add(name, Kind::Key));
    // Fullwidth letters.
    let wide = ('\u{ff21}'..='\u{ff3a}').chain('\u{ff41}'..='\u{ff5a}');
    wide.for_each(|letter| builder.add(letter.encode_utf8(&mut [0; 4]), Kind::Key));
    builder.build()
});

/// The kind of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a key.
    Key,
    /// Part of a key, at word boundaries only.
    Word,
    /// Part of a key, directly followed by a separator.
    Short,
    /// The start of a custom key.
    Custom,
    /// A percent-encoded or escaped letter, which may be part of a key.
    Encoded,
    /// A vendor's name in a key, and the index of the vendor's first form.
    Vendor(u16),
    /// The prefix of the shape with this index.
    Shape(u16),
    /// `Bearer` or `Basic`.
    Scheme,
    /// `@` behind a user and a password.
    At,
    /// `@tcp(`, `@unix(`.
    Dsn,
    Pem,
    /// The name of a command with a password argument.
    Command,
    /// The colon in a Telegram bot token.
    Telegram,
    /// The port in a line of `.pgpass`.
    Pgpass,
    /// `Q~` in an Azure secret.
    Azure,
    /// `IDENTIFIED BY` in SQL.
    Identified,
    /// The text before an Oracle user and password.
    Oracle,
    /// A non-ASCII blank behind a key.
    Blank,
    /// A command such as `setx`, followed by a name and a value.
    Assignment,
}

/// A literal of the automaton.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) kind: Kind,
    pub(super) len: u8,
}

/// The automaton, and the literals it finds.
#[derive(Debug)]
pub(super) struct Automaton {
    dfa: DFA,
    start: StateID,
    literals: Vec<Literal>,
    /// Class of each byte: one per letter, ignoring case, and 0 for bytes that no literal contains. This reduces the
    /// number of columns of the transition table.
    classes: [u8; 256],
    #[cfg(test)]
    texts: Vec<String>,
}

/// Number of bytes of a prefix that the automaton matches.
const PREFIX: usize = 9;

/// Words that are keys only if a separator follows, because they are frequent in ordinary texts.
const SHORT: &[&str] = &[
    "key", "token", "tokens", "pass", "pw", "pat", "auth", "sig", "sid", "pin", "pan", "otp",
];

const MARKERS: &[(Kind, &[&str])] = &[
    (Kind::Scheme, &["bearer", "basic ", "basic%20", "basic+"]),
    (Kind::At, &["@", "%40"]),
    (Kind::Dsn, &["@tcp(", "@unix("]),
    (Kind::Pem, &["-----begin "]),
    (Kind::Telegram, &[":aa"]),
    (Kind::Pgpass, &[":5432:", ":*:"]),
    (Kind::Azure, &["q~"]),
    (
        Kind::Identified,
        &["identified by", "identified with", "convertto-securestring"],
    ),
    (Kind::Oracle, &["oracle:thin:", "oracle:oci:", "sqlplus "]),
    (Kind::Assignment, ASSIGNMENT_COMMANDS),
    (
        Kind::Encoded,
        &[
            "%4", "%5", "%6", "%7", "\\u004", "\\u005", "\\u006", "\\u007", "\\x4", "\\x5", "\\x6",
            "\\x7",
        ],
    ),
    (Kind::Blank, &["\u{a0}"]),
    (
        Kind::Key,
        &[
            "\u{200b}", "\u{200c}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{ad}",
        ],
    ),
];

impl Automaton {
    /// Builds the automaton of the standard rules, if enabled, and of custom keys.
    pub(super) fn new(standard: bool, custom: &[Key]) -> Automaton {
        let mut builder = Builder::default();
        if standard {
            builder.standard(&TABLE);
        }
        for key in custom {
            let head = String::from_utf8_lossy(&key.normalized()[..key.normalized().len().min(4)])
                .into_owned();
            builder.add(&head, Kind::Custom);
        }
        builder.build()
    }

    /// Calls `hit` with every literal and its end, including overlapping ones, in the order of their ends. `hit` returns
    /// the position to continue from.
    #[inline]
    pub(super) fn scan(&self, bytes: &[u8], mut hit: impl FnMut(Literal, usize) -> usize) {
        let mut state = self.start;
        let mut at = 0;
        while at < bytes.len() {
            state = self
                .dfa
                .next_state(Anchored::No, state, self.classes[usize::from(bytes[at])]);
            at += 1;
            if self.dfa.is_special(state) && self.dfa.is_match(state) {
                let mut next = at;
                for index in 0..self.dfa.match_len(state) {
                    let literal = self.dfa.match_pattern(state, index).as_usize();
                    next = next.max(hit(self.literals[literal], at));
                }
                if next > at {
                    state = self.start;
                    at = next;
                }
            }
        }
    }

    /// Returns the size of the automaton in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.dfa.memory_usage()
    }

    /// A slow and simple implementation of [`scan`](Self::scan), as a test oracle.
    #[cfg(test)]
    pub(super) fn scan_slowly(&self, bytes: &[u8], mut hit: impl FnMut(Literal, usize) -> usize) {
        let (mut from, mut at) = (0, 0);
        while at < bytes.len() {
            at += 1;
            let ends = |text: &String| {
                let start = at.checked_sub(text.len()).filter(|start| *start >= from);
                start.is_some_and(|start| bytes[start..at].eq_ignore_ascii_case(text.as_bytes()))
            };
            let mut found: Vec<usize> = (0..self.texts.len())
                .filter(|index| ends(&self.texts[*index]))
                .collect();
            found.sort_by_key(|index| (usize::MAX - self.texts[*index].len(), *index));
            let next = found
                .iter()
                .fold(at, |next, index| next.max(hit(self.literals[*index], at)));
            if next > at {
                from = next;
                at = next;
            }
        }
    }
}

/// Collects the literals of an automaton.
#[derive(Default)]
struct Builder {
    texts: Vec<String>,
    literals: Vec<Literal>,
}

impl Builder {
    fn standard(&mut self, table: &Table) {
        for (name, place, _) in table.names.iter().filter(|(name, ..)| name.is_ascii()) {
            self.name(name, *place);
        }
        for (index, shape) in table.shapes.iter().enumerate() {
            let head = &shape.prefix[..shape.prefix.len().min(PREFIX)];
            self.add(head, Kind::Shape(index as u16));
        }
        for (index, vendor) in table.vendors.iter().enumerate() {
            let first = index == 0 || table.vendors[index - 1].head() != vendor.head();
            if first {
                self.add(vendor.head(), Kind::Vendor(index as u16));
            }
        }
        for (kind, texts) in MARKERS {
            texts.iter().for_each(|text| self.add(text, *kind));
        }
        for (command, ..) in OPTIONS {
            self.add(command, Kind::Command);
        }
    }

    /// Adds a name with every word separator. If a phrase ends with a short word, which is found by itself, adds only the
    /// form without separators.
    fn name(&mut self, name: &str, place: Place) {
        let words: Vec<&str> = name.split(' ').collect();
        let last = words.last().copied().unwrap_or_default();
        let is_short = SHORT.contains(&last) || last.len() <= 3 && last.is_ascii();
        if words.len() > 1 && place != Place::Apart {
            let separators: &[&str] = if is_short {
                &[""]
            } else {
                &["", "_", "-", " ", "."]
            };
            for separator in separators {
                let name = words.join(separator);
                // The rest of the key is matched later, except beyond a blank.
                let head = if *separator == " " {
                    name.len()
                } else {
                    name.len().min(words[0].len() + 4)
                };
                self.add(&name[..head], Kind::Key);
            }
        }
        if is_short {
            self.add(last, Kind::Short);
        } else if words.len() == 1 {
            let kind = if place == Place::Word {
                Kind::Word
            } else {
                Kind::Key
            };
            self.add(name, kind);
        }
    }

    fn build(self) -> Automaton {
        let mut classes = [0; 256];
        let mut count = 0;
        for byte in self.texts.iter().flat_map(|text| text.bytes()) {
            if classes[usize::from(byte)] == 0 {
                count += 1;
                classes[usize::from(byte)] = count;
                classes[usize::from(byte.to_ascii_uppercase())] = count;
            }
        }
        let coded = self.texts.iter().map(|text| {
            let code = |byte| classes[usize::from(byte)];
            text.bytes().map(code).collect::<Vec<u8>>()
        });
        let dfa = DFA::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(coded)
            .expect("some hundred short literals fit into an automaton");
        let start = dfa
            .start_state(Anchored::No)
            .expect("the automaton can start anywhere");
        Automaton {
            dfa,
            start,
            literals: self.literals,
            classes,
            #[cfg(test)]
            texts: self.texts,
        }
    }

    fn add(&mut self, text: &str, kind: Kind) {
        let text = text.to_ascii_lowercase();
        let mut known = self.texts.iter().zip(&self.literals);
        let is_known = known.any(|(known, literal)| *known == text && literal.kind == kind);
        if !is_known && !text.is_empty() {
            let len = text.len() as u8;
            self.literals.push(Literal { kind, len });
            self.texts.push(text);
        }
    }
}
