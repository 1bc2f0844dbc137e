//! One pass over a text: the automaton proposes places, small rules decide there.
//!
//! The time is linear in the text. Every rule consumes what it reads (the next proposal behind it counts), or looks at
//! a bounded number of bytes, or remembers what it found.

use std::borrow::Cow;

#[cfg(test)]
use crate::redact::scan::Memo;
use crate::redact::{
    REDACTED, Rules, cards, drivers,
    keys::Key,
    looks::Context,
    marks,
    net::{FOREIGN, Kind, Literal},
    quotes::quoted,
    rules::{Charset, Class, TABLE},
    scan::{Found, KEYS, Scan},
    site::{REACH, Site, is_of_key},
    spell::{Spelling, escape_end, read, start_of},
};

/// Shorter texts are redacted until nothing changes any more, in bytes. What a mark does to its neighbours is mostly
/// foreseen, but not in every mixture.
const SHORT: usize = 8 << 10;

/// So long a word at most is no secret by its looks: the number of a card has 13 digits, and every known token is longer.
pub(super) const LONGEST_WORD: usize = 12;

/// True for a short word, such as a tool's name: nothing in it parts a key from a value.
fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= LONGEST_WORD && text.bytes().all(letter)
}

/// Redacts a text by the standard rules and the keys of the application; borrows it where nothing was found.
pub(super) fn redact<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    if is_word(text) {
        return Cow::Borrowed(text);
    }
    settled(text, |text| pass(rules, text))
}

fn pass<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    let mut scan = Scan::new(rules, text.as_bytes());
    rules
        .net()
        .scan(text.as_bytes(), |literal, end| scan.hit(literal, end));
    if scan.begin_foreign() {
        FOREIGN.scan(text.as_bytes(), |literal, end| scan.hit(literal, end));
    }
    scan.finish(text)
}

fn settled<'a>(text: &'a str, pass: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let Cow::Owned(mut clean) = pass(text) else {
        return Cow::Borrowed(text);
    };
    for _ in 0..8 {
        if clean.len() > SHORT {
            break;
        }
        let Cow::Owned(again) = pass(&clean) else {
            break;
        };
        clean = again;
    }
    Cow::Owned(clean)
}

/// The same, slow and simple: places found byte by byte, and nothing remembered.
#[cfg(test)]
pub(super) fn slowly<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    settled(text, |text| {
        let mut scan = Scan::new(rules, text.as_bytes());
        let hit = |scan: &mut Scan<'_>, literal, end| {
            scan.memo = Memo::default();
            scan.hit(literal, end)
        };
        rules
            .net()
            .scan_slowly(text.as_bytes(), |literal, end| hit(&mut scan, literal, end));
        if scan.begin_foreign() {
            FOREIGN.scan_slowly(text.as_bytes(), |literal, end| hit(&mut scan, literal, end));
        }
        scan.finish(text)
    })
}

impl Scan<'_> {
    /// Begins again for names in other scripts, where there may be any.
    fn begin_foreign(&mut self) -> bool {
        // The first bytes of Cyrillic, Greek, Hebrew, Hindi, Thai, Chinese, Japanese, Korean, of some letters of Latin, and
        // of those of double width.
        let foreign = |byte: &u8| {
            matches!(
                byte,
                0xc5 | 0xce | 0xd0 | 0xd7 | 0xe0 | 0xe3 | 0xe5 | 0xeb | 0xef
            )
        };
        (self.done, self.key_done, self.ahead) = (0, 0, 0..0);
        !self.rules.off && self.bytes.iter().any(foreign)
    }

    /// Decides at one place; returns where to go on.
    #[inline]
    fn hit(&mut self, literal: Literal, end: usize) -> usize {
        let start = end - usize::from(literal.len);
        if self.ahead.contains(&start) {
            self.done = self.done.max(self.ahead.end);
        }
        if start < self.done {
            return self.done;
        }
        match literal.kind {
            Kind::Key | Kind::Own | Kind::Vendor(_) => self.key(start, end, literal.kind),
            Kind::Short if !self.is_separated(start, end) => {}
            Kind::Short | Kind::Word if !self.begins_word(start) => {}
            Kind::Short | Kind::Word => self.key(start, end, literal.kind),
            Kind::Encoded => {
                let low = self.bytes.get(end).copied().map(char::from);
                let low = low.and_then(|low| low.to_digit(16));
                let high = u32::from(self.bytes[end - 1] - b'0') * 16;
                if low.is_some_and(|low| ((high + low) as u8).is_ascii_alphabetic()) {
                    self.key(start, end + 1, literal.kind);
                }
            }
            Kind::Shape(index) => self.shape(&TABLE.shapes[usize::from(index)], start),
            Kind::Scheme => self.scheme(start, end),
            Kind::At => self.user_info(start),
            Kind::Dsn => self.dsn(start),
            Kind::Pem => self.pem(start, end),
            Kind::Command => self.command(start, end),
            Kind::Telegram => self.telegram(start),
            Kind::Pgpass => self.pgpass(start, end),
            Kind::Azure => self.azure(start, end),
            Kind::Identified => self.identified(end),
            Kind::Oracle => self.oracle(end),
            Kind::Blank => {
                if start > 0 && self.bytes[start - 1].is_ascii_alphanumeric() {
                    self.key(start, start, Kind::Key);
                }
            }
            Kind::Setx if end < self.bytes.len() => self.key(end, end + 1, Kind::Key),
            Kind::Setx => {}
        }
        self.done
    }

    /// A cheap test: what stands behind a short word may part it from a value. A blank is followed by `=`, `:` or `|`, or ends
    /// an option.
    fn is_separated(&self, start: usize, end: usize) -> bool {
        const SEPARATORS: Charset = Charset::of(b"=:\"'`\\%>*]&\x1b|)12!?_\n\r,\t<(");
        match self.bytes.get(end..) {
            Some([b' ', b'=' | b':' | b'|', ..]) => true,
            Some([b' ', ..]) => {
                let word = start_of(self.bytes, start, REACH, is_of_key);
                word < start && self.bytes[word] == b'-'
            }
            Some([next, ..]) => SEPARATORS.has(*next),
            _ => false,
        }
    }

    /// A cheap test: not right behind a letter of the same word.
    fn begins_word(&self, start: usize) -> bool {
        let Some(before) = start.checked_sub(1).map(|before| self.bytes[before]) else {
            return true;
        };
        let hump = self.bytes[start].is_ascii_uppercase() && before.is_ascii_lowercase();
        !before.is_ascii_alphabetic() || hump || escape_end(self.bytes, start, start).is_some()
    }

    /// A key around `start..end`, and its value.
    fn key(&mut self, start: usize, end: usize, kind: Kind) {
        if start < self.key_done {
            return;
        }
        let floor = self
            .key_done
            .max(self.done)
            .max(start.saturating_sub(REACH));
        let site = Site::around(self.bytes, start, end, floor);
        self.key_done = site.end.max(end);
        // Most are followed by nothing that makes them keys: that is the cheaper test.
        if let Some(after) = site.after(self.bytes) {
            let class = self.class(&site, kind);
            match class.filter(|class| *class == Class::Strong || !after.statement) {
                Some(class) => {
                    let found = marks::find(self, &site, &after, class);
                    let changed = marks::changed(self, &after, class, found);
                    if let Some(found) = found {
                        // A tag's attributes are still to be looked at.
                        match after.separator {
                            b'>' => self.secret_ahead(found),
                            _ => self.found(found),
                        }
                    }
                    if let Some(changed) = changed {
                        self.found(changed);
                    }
                }
                None => self.vendor(&site, &after, kind),
            }
        } else if let Some(at) = drivers::typed_at(self.bytes, &site)
            && let Some(class) = self.class(&site, kind)
        {
            let context = Context {
                quoted: true,
                ..Context::strict(class)
            };
            if let Some(found) = quoted(self, at, read(self.bytes, at), context) {
                self.found(found);
            }
        } else if let Some(name) = self.naming(&site)
            && let Some(class) = self.class(&site, kind)
        {
            self.pair(&site, name, class);
        }
    }

    fn class(&mut self, site: &Site, kind: Kind) -> Option<Class> {
        if !self.rules.keys.is_empty() {
            let own = self.rules.is_own(&site.key(self.bytes));
            if own || kind == Kind::Own && self.is_own_phrase(site) {
                return Some(Class::Strong);
            }
        }
        if self.rules.off || site.start >= site.end {
            return None;
        }
        // Keys of a text repeat.
        let from = site.phrase_start(self.bytes, self.done);
        let text = &self.bytes[from..site.end];
        let place = text.len() + 7 * usize::from(text[0]) + 31 * usize::from(text[text.len() - 1]);
        let (start, end, class) = &mut self.memo.keys[place % KEYS];
        if self.bytes[*start..*end] != *text {
            (*start, *end, *class) = (from, site.end, judged(self.bytes, site, from));
        }
        *class
    }

    /// A key of the application in several words.
    fn is_own_phrase(&self, site: &Site) -> bool {
        let end = site.words_end(self.bytes);
        let key = Key::of(&self.bytes[site.start..end]);
        end > site.end && self.rules.is_own(&key)
    }

    fn finish<'t>(mut self, text: &'t str) -> Cow<'t, str> {
        if !self.rules.off {
            cards::find_all(self.bytes, |start, end| {
                self.spans.push(Found::new(start, end));
            });
        }
        if self.spans.is_empty() {
            return Cow::Borrowed(text);
        }
        self.spans
            .sort_by_key(|span| (span.start, usize::MAX - span.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut spans = self.spans.iter().peekable();
        while let Some(span) = spans.next() {
            let mut end = span.end;
            while let Some(next) = spans.next_if(|next| next.start < end) {
                end = end.max(next.end);
            }
            out.push_str(&text[done..text.floor_char_boundary(span.start)]);
            quote(&mut out, span.quotes);
            out.push_str(REDACTED);
            quote(&mut out, span.quotes);
            done = text.ceil_char_boundary(end);
        }
        out.push_str(&text[done..]);
        Cow::Owned(out)
    }
}

/// What a key names, in a phrase that begins at `from`: `API key: x`, `unexpected token: foo`.
fn judged(bytes: &[u8], site: &Site, from: usize) -> Option<Class> {
    let class = site.key(bytes).judge(&TABLE);
    if from == site.start {
        return class;
    }
    let phrase = Key::of(&bytes[from..site.end]);
    match class {
        Some(Class::Strong) if !phrase.is_none(&TABLE) => class,
        _ => phrase.judge(&TABLE),
    }
}

fn quote(out: &mut String, spelling: Option<Spelling>) {
    match spelling {
        Some(Spelling::Escaped(level)) => {
            (0..level).for_each(|_| out.push('\\'));
            out.push('"');
        }
        Some(_) => out.push('"'),
        None => {}
    }
}
