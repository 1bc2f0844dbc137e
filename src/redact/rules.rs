//! The rule tables `rules/own.txt` and `rules/gitleaks.txt`, parsed on first use.

use std::{collections::HashMap, sync::LazyLock};

const OWN: &str = include_str!("rules/own.txt");
const GITLEAKS: &str = include_str!("rules/gitleaks.txt");

/// The rules, parsed once.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

/// A set of ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset(pub(super) u128);

impl Charset {
    #[inline]
    pub(super) fn has(self, byte: u8) -> bool {
        byte < 0x80 && self.0 >> byte & 1 == 1
    }

    pub(super) const fn new(bytes: &[u8]) -> Charset {
        let (mut set, mut at) = (0_u128, 0);
        while at < bytes.len() {
            set |= 1 << bytes[at];
            at += 1;
        }
        Charset(set)
    }

    /// Parses `[A-Za-z0-9_-]`.
    fn parse(text: &str) -> Charset {
        let inner = text
            .trim_start_matches('[')
            .trim_end_matches(']')
            .as_bytes();
        let (mut set, mut at) = (0_u128, 0);
        while at < inner.len() {
            let (first, last) = match inner.get(at + 1..at + 3) {
                Some([b'-', last]) => (inner[at], *last),
                _ => (inner[at], inner[at]),
            };
            (first..=last).for_each(|byte| set |= 1 << byte);
            at += if first == last { 1 } else { 3 };
        }
        Charset(set)
    }
}

/// A word list of `own.txt`, grouped by length.
#[derive(Debug)]
pub(super) struct Words(Vec<Vec<&'static str>>);

impl Words {
    /// Loads the lines `words NAME: …`.
    pub(super) fn load(name: &str) -> Words {
        let list = |line: &'static str| {
            line.strip_prefix("words ")?
                .strip_prefix(name)?
                .strip_prefix(": ")
        };
        let mut by_len = Vec::new();
        for word in OWN.lines().filter_map(list).flat_map(phrases) {
            by_len.resize(by_len.len().max(word.len() + 1), Vec::new());
            by_len[word.len()].push(word);
        }
        Words(by_len)
    }

    /// Returns the words with the length and the first letter of `text`.
    #[inline]
    fn candidates(&self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        let words = self
            .0
            .get(text.len())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let words = words.iter().map(|word| word.as_bytes());
        words.filter(|word| word[0].eq_ignore_ascii_case(&text[0]))
    }

    pub(super) fn has(&self, text: &[u8]) -> bool {
        self.candidates(text).any(|word| word == text)
    }

    pub(super) fn has_any_case(&self, text: &[u8]) -> bool {
        self.candidates(text)
            .any(|word| word.eq_ignore_ascii_case(text))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flatten().copied()
    }
}

/// A secret with a known prefix.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) prefix: String,
    /// Index in [`Table::charsets`] of the characters that may follow.
    pub(super) charset: usize,
    /// Minimum number of characters that must follow.
    pub(super) min: usize,
    /// Minimum entropy in bits per character.
    pub(super) entropy: f32,
    /// The prefix is not secret, and is kept.
    pub(super) keep: bool,
    /// The prefix may occur inside a word.
    pub(super) inside: bool,
    pub(super) any_case: bool,
    /// Number of characters of the secret before the prefix.
    pub(super) back: usize,
    /// Consists of three dotted parts, like a Discord bot token.
    pub(super) dotted: bool,
    /// Contains digits and capitals, or many digits, unlike hyphenated words.
    pub(super) mixed: bool,
}

/// The form of a vendor's secrets, for keys that contain the vendor's name.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) name: String,
    pub(super) charset: usize,
    pub(super) length: (usize, usize),
    pub(super) entropy: f32,
}

impl Vendor {
    /// Returns the part of the name that the automaton matches, shared by vendors with the same first letters.
    pub(super) fn head(&self) -> &str {
        &self.name[..self.name.len().min(8)]
    }
}

/// The class of secret named by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Any value is secret.
    Strong,
    /// A value that looks like a secret, or follows a strict separator, is secret.
    Weak,
    /// Like `Weak`, including short numbers.
    Digits,
    /// The rest of the line is secret.
    Header,
}

/// Where a name must occur in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    End,
    /// At the end, at word boundaries.
    Word,
    /// At the end; the automaton matches only its last word.
    Apart,
    /// Exactly the last word.
    Part,
}

/// All rules.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) shapes: Vec<Shape>,
    pub(super) vendors: Vec<Vendor>,
    pub(super) charsets: Vec<Charset>,
    /// Indices in `charsets` of the sets used by code.
    pub(super) credentials: usize,
    pub(super) base64: usize,
    pub(super) word: usize,
    pub(super) azure: usize,
    /// Names of keys, with blanks between words: `api key`.
    pub(super) names: Vec<(String, Place, Class)>,
    /// Names without blanks, by their last byte.
    pub(super) endings: HashMap<u8, Vec<(String, Place, Class)>>,
    /// Names without blanks that match anywhere in a key.
    pub(super) anywhere: Vec<String>,
    /// Endings of keys that are not secret.
    pub(super) none: Vec<String>,
    /// Last words that are ignored: `secret_value` is `secret`.
    pub(super) value: Vec<String>,
    /// Last words of keys that describe a secret: `password_hint`.
    pub(super) about: Vec<String>,
}

impl Table {
    /// Parses both files.
    pub(super) fn read() -> Table {
        let mut table = Table::default();
        table.credentials = table.charset("[A-Za-z0-9._~+/=%|-]");
        table.base64 = table.charset("[A-Za-z0-9+/=]");
        table.word = table.charset("[A-Za-z0-9_-]");
        table.azure = table.charset("[A-Za-z0-9_~.-]");
        OWN.lines()
            .chain(GITLEAKS.lines())
            .for_each(|line| table.line(line));
        // Vendors that share a head must be adjacent.
        table
            .vendors
            .sort_by(|one, other| one.name.cmp(&other.name));
        for (name, place, class) in table.names.clone() {
            let joined = name.replace(' ', "");
            if place == Place::Anywhere {
                table.anywhere.push(joined.clone());
            }
            if let Some(last) = joined.bytes().last() {
                table
                    .endings
                    .entry(last)
                    .or_default()
                    .push((joined, place, class));
            }
        }
        table
    }

    fn line(&mut self, line: &str) {
        let Some((kind, rest)) = line.split_once(": ") else {
            return;
        };
        match kind {
            "any" => self.name(rest, Place::Anywhere, Class::Strong),
            "end" => self.name(rest, Place::End, Class::Strong),
            "apart" => self.name(rest, Place::Apart, Class::Strong),
            "part" => self.name(rest, Place::Part, Class::Strong),
            "weak" => self.name(rest, Place::Word, Class::Weak),
            "digits" => self.name(rest, Place::Word, Class::Digits),
            "header" => self.name(rest, Place::End, Class::Header),
            "none" => self
                .none
                .extend(phrases(rest).map(|phrase| phrase.replace(' ', ""))),
            "value" => self.value.extend(rest.split(' ').map(str::to_owned)),
            "about" => self.about.extend(rest.split(' ').map(str::to_owned)),
            "shape" => self.shape(rest),
            "vendor" => self.vendor(rest),
            _ => {}
        }
    }

    fn name(&mut self, names: &str, place: Place, class: Class) {
        for name in phrases(names) {
            self.names.push((name.to_owned(), place, class));
            // Keys are compared in lower case, but only ASCII is folded.
            if !name.is_ascii() {
                let mut letters = name.chars();
                let first = letters.next().into_iter().flat_map(char::to_uppercase);
                let capitalised = first.chain(letters).collect();
                self.names.push((capitalised, place, class));
                self.names.push((name.to_uppercase(), place, class));
            }
        }
    }

    fn shape(&mut self, rest: &str) {
        let mut fields = rest.split(' ');
        let mut field = || fields.next().unwrap_or_default();
        let (prefix, charset, min, entropy) = (field(), field(), field(), field());
        let flags: Vec<&str> = fields.collect();
        let back = flags
            .iter()
            .find_map(|flag| flag.strip_prefix("back")?.parse().ok());
        let charset = self.charset(charset);
        self.shapes.extend(prefix.split(',').map(|prefix| Shape {
            prefix: prefix.to_owned(),
            charset,
            min: min.parse().unwrap_or(usize::MAX),
            entropy: entropy.parse().unwrap_or(0.0),
            keep: flags.contains(&"keep"),
            inside: flags.contains(&"inside"),
            any_case: flags.contains(&"nocase"),
            mixed: flags.contains(&"mixed"),
            back: back.unwrap_or(0),
            dotted: flags.contains(&"dotted"),
        }));
    }

    fn vendor(&mut self, rest: &str) {
        let mut fields = rest.split(' ');
        let mut field = || fields.next().unwrap_or_default();
        let (name, charset, length, entropy) = (field(), field(), field(), field());
        let (min, max) = length.split_once('-').unwrap_or((length, length));
        let vendor = Vendor {
            name: name.to_owned(),
            charset: self.charset(charset),
            length: (min.parse().unwrap_or(usize::MAX), max.parse().unwrap_or(0)),
            entropy: entropy.parse().unwrap_or(0.0),
        };
        self.vendors.push(vendor);
    }

    fn charset(&mut self, text: &str) -> usize {
        let charset = Charset::parse(text);
        let known = self.charsets.iter().position(|known| *known == charset);
        known.unwrap_or_else(|| {
            self.charsets.push(charset);
            self.charsets.len() - 1
        })
    }
}

fn phrases(text: &str) -> impl Iterator<Item = &str> {
    text.split(", ")
        .map(str::trim)
        .filter(|phrase| !phrase.is_empty())
}
