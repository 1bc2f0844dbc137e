//! The rules as data: `rules/own.txt` and `rules/gitleaks.txt`, read on first use.

use std::{collections::HashMap, sync::LazyLock};

const OWN: &str = include_str!("rules/own.txt");
const GITLEAKS: &str = include_str!("rules/gitleaks.txt");

/// The rules, read once.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

/// A set of ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset(pub(super) u128);

impl Charset {
    #[inline]
    pub(super) fn has(self, byte: u8) -> bool {
        byte < 0x80 && self.0 >> byte & 1 == 1
    }

    pub(super) const fn of(bytes: &[u8]) -> Charset {
        let (mut set, mut at) = (0_u128, 0);
        while at < bytes.len() {
            set |= 1 << bytes[at];
            at += 1;
        }
        Charset(set)
    }

    /// Reads `[A-Za-z0-9_-]`.
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

/// A list of words in `own.txt`, by their lengths.
#[derive(Debug)]
pub(super) struct Words(Vec<Vec<&'static str>>);

impl Words {
    /// Reads the line `words NAME: ..`.
    pub(super) fn read(name: &str) -> Words {
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

    /// Those of the length and the first letter of a text.
    #[inline]
    fn alike(&self, text: &[u8]) -> impl Iterator<Item = &[u8]> {
        let words = self
            .0
            .get(text.len())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let words = words.iter().map(|word| word.as_bytes());
        words.filter(|word| word[0].eq_ignore_ascii_case(&text[0]))
    }

    pub(super) fn has(&self, text: &[u8]) -> bool {
        self.alike(text).any(|word| word == text)
    }

    pub(super) fn has_any_case(&self, text: &[u8]) -> bool {
        self.alike(text).any(|word| word.eq_ignore_ascii_case(text))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flatten().copied()
    }
}

/// A secret that is known by its prefix.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) prefix: String,
    /// Which of [`Table::charsets`] may follow.
    pub(super) charset: usize,
    /// How many characters must follow at least.
    pub(super) min: usize,
    /// Bits of entropy a character.
    pub(super) entropy: f32,
    /// The prefix is no secret.
    pub(super) keep: bool,
    /// The prefix may stand within a word.
    pub(super) inside: bool,
    pub(super) any_case: bool,
    /// So many of its characters stand before the prefix.
    pub(super) back: usize,
    /// In three parts, as a bot's token of Discord.
    pub(super) dotted: bool,
    /// It holds digits and capitals, or many digits: it is no word with dashes.
    pub(super) mixed: bool,
}

/// A value of a known form under a key with the name of a vendor.
#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) name: String,
    pub(super) charset: usize,
    pub(super) length: (usize, usize),
    pub(super) entropy: f32,
}

impl Vendor {
    /// What the automaton looks for: vendors whose names begin alike share it.
    pub(super) fn head(&self) -> &str {
        &self.name[..self.name.len().min(8)]
    }
}

/// What kind of secret a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Any value is secret.
    Strong,
    /// A value that looks like a secret, or one in a strict form, is.
    Weak,
    /// Short numbers are, too.
    Digits,
    /// The rest of the line is.
    Header,
}

/// Where in a key a name must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    End,
    /// At the end, between the borders of words.
    Word,
    /// At the end; the automaton finds its last word.
    Apart,
    /// The last word itself.
    Part,
}

/// All rules.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) shapes: Vec<Shape>,
    pub(super) vendors: Vec<Vendor>,
    pub(super) charsets: Vec<Charset>,
    /// Those that rules of code use, by their place in `charsets`.
    pub(super) credentials: usize,
    pub(super) base64: usize,
    pub(super) word: usize,
    pub(super) azure: usize,
    /// Names of keys with the borders of their words: `api key`.
    pub(super) names: Vec<(String, Place, Class)>,
    /// Without blanks, by their last byte.
    pub(super) endings: HashMap<u8, Vec<(String, Place, Class)>>,
    pub(super) anywhere: Vec<String>,
    pub(super) none: Vec<String>,
    pub(super) value: Vec<String>,
    pub(super) about: Vec<String>,
}

impl Table {
    /// Reads both files.
    pub(super) fn read() -> Table {
        let mut table = Table::default();
        table.credentials = table.charset("[A-Za-z0-9._~+/=%|-]");
        table.base64 = table.charset("[A-Za-z0-9+/=]");
        table.word = table.charset("[A-Za-z0-9_-]");
        table.azure = table.charset("[A-Za-z0-9_~.-]");
        OWN.lines()
            .chain(GITLEAKS.lines())
            .for_each(|line| table.line(line));
        // Those of a head stand together.
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
            // Keys are compared in small letters, but only ASCII is folded.
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
