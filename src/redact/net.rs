//! The automaton that finds, in one pass, every place where a secret may begin.

use std::sync::LazyLock;

use aho_corasick::{
    Anchored, MatchKind, StartKind,
    automaton::{Automaton, StateID},
    dfa::DFA,
};

use crate::redact::{
    commands::OPTIONS,
    keys::Key,
    rules::{Place, TABLE, Table},
    site::ASSIGNING,
};

/// The automaton of the standard rules, built once.
pub(super) static STANDARD: LazyLock<Net> = LazyLock::new(|| Net::new(true, &[]));

/// That of names in other scripts, apart: with their bytes the automaton would be twice as large.
pub(super) static FOREIGN: LazyLock<Net> = LazyLock::new(|| {
    let mut list = List::default();
    let names = TABLE.names.iter().filter(|(name, ..)| !name.is_ascii());
    names.for_each(|(name, ..)| list.add(name, Kind::Key));
    // Letters of double width.
    let wide = ('\u{ff21}'..='\u{ff3a}').chain('\u{ff41}'..='\u{ff5a}');
    wide.for_each(|letter| list.add(letter.encode_utf8(&mut [0; 4]), Kind::Key));
    list.build()
});

/// What a literal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A part of a key.
    Key,
    /// The same, to be found between the borders of words only.
    Word,
    /// The same, where a separator follows right behind.
    Short,
    /// The beginning of a key of the application.
    Own,
    /// A letter that is percent-encoded or escaped, which may be a part of a key.
    Encoded,
    /// A vendor's name within a key, and the first of its forms.
    Vendor(u16),
    /// The prefix of this shape.
    Shape(u16),
    /// `Bearer` or `Basic`.
    Scheme,
    /// `@`, behind a user and a password.
    At,
    /// `@tcp(`, `@unix(`.
    Dsn,
    Pem,
    /// The name of a command that takes a password.
    Command,
    /// The colon in a bot's token of Telegram.
    Telegram,
    /// The port in a line of `.pgpass`.
    Pgpass,
    /// `Q~` in a secret of Azure.
    Azure,
    /// `IDENTIFIED BY` of SQL.
    Identified,
    /// What stands before a user and a password of Oracle.
    Oracle,
    /// A blank that is not ASCII, behind a key.
    Blank,
    /// `setx` of Windows, behind which a name and its value stand.
    Setx,
}

/// A literal of the automaton.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) kind: Kind,
    pub(super) len: u8,
}

/// All literals and their automaton.
#[derive(Debug)]
pub(super) struct Net {
    dfa: DFA,
    start: StateID,
    literals: Vec<Literal>,
    /// Small letters for capitals, a number for each byte that literals use, and 0 for all others: so many columns fewer
    /// has the automaton.
    codes: [u8; 256],
    #[cfg(test)]
    texts: Vec<String>,
}

/// So many bytes of a prefix are looked for.
const HEAD: usize = 9;

/// Words that are keys where a separator follows: in ordinary texts they are frequent.
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
    (Kind::Setx, ASSIGNING),
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

impl Net {
    /// Builds the automaton of the standard rules, where they are on, and of the application's keys.
    pub(super) fn new(standard: bool, own: &[Key]) -> Net {
        let mut list = List::default();
        if standard {
            list.standard(&TABLE);
        }
        for key in own {
            let head =
                String::from_utf8_lossy(&key.joined()[..key.joined().len().min(4)]).into_owned();
            list.add(&head, Kind::Own);
        }
        list.build()
    }

    /// Calls `hit` with every literal and where it ends, overlapping ones too, in the order of their ends. It returns
    /// where to go on.
    #[inline]
    pub(super) fn scan(&self, bytes: &[u8], mut hit: impl FnMut(Literal, usize) -> usize) {
        let mut state = self.start;
        let mut at = 0;
        while at < bytes.len() {
            state = self
                .dfa
                .next_state(Anchored::No, state, self.codes[usize::from(bytes[at])]);
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

    /// How many bytes the automaton takes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.dfa.memory_usage()
    }

    /// The same as [`scan`](Self::scan), slow and simple.
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

/// Literals on their way into an automaton.
#[derive(Default)]
struct List {
    texts: Vec<String>,
    literals: Vec<Literal>,
}

impl List {
    fn standard(&mut self, table: &Table) {
        for (name, place, _) in table.names.iter().filter(|(name, ..)| name.is_ascii()) {
            self.name(name, *place);
        }
        for (index, shape) in table.shapes.iter().enumerate() {
            let head = &shape.prefix[..shape.prefix.len().min(HEAD)];
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

    /// A long name is found in all spellings; of a phrase that ends with a short word, which is found by itself, the
    /// one without separators.
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
                // The key goes on behind it, but not over a blank.
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

    fn build(self) -> Net {
        let mut codes = [0; 256];
        let mut count = 0;
        for byte in self.texts.iter().flat_map(|text| text.bytes()) {
            if codes[usize::from(byte)] == 0 {
                count += 1;
                codes[usize::from(byte)] = count;
                codes[usize::from(byte.to_ascii_uppercase())] = count;
            }
        }
        let coded = self.texts.iter().map(|text| {
            let code = |byte| codes[usize::from(byte)];
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
        Net {
            dfa,
            start,
            literals: self.literals,
            codes,
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
