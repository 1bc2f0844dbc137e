//! One pass over a text: the automaton finds candidates, and small rules decide.
//!
//! The time is linear in the text. Every rule consumes what it reads (candidates inside are skipped), reads a bounded
//! number of bytes, or memoizes its result.

use std::borrow::Cow;

#[cfg(test)]
use crate::redact::scan::Memo;
use crate::redact::{
    REDACTED, Rules,
    automaton::{FOREIGN, Kind, Literal},
    browser_input, cards,
    encoded_char::{Encoding, escape_end, read_char, start_while},
    heuristics::Context,
    key_span::{KeySpan, REACH, is_key_byte},
    keys::Key,
    quotes::quoted,
    rule_cache::RuleCache,
    rules::{Charset, Class, TABLE},
    scan::{KEYS, Scan, SecretSpan},
    yaml_tags,
};

/// Maximum length of texts that are redacted until nothing changes, in bytes. The rules anticipate most effects of a mark on
/// its neighbours, but not all combinations.
const MAX_REPEATED: usize = 8 << 10;

/// Maximum length of a word that cannot be a secret by its form: card numbers have 13 digits, and known tokens are longer.
pub(super) const MAX_WORD: usize = 12;

thread_local! {
    /// Texts in which the standard rules find nothing.
    static CLEAN: RuleCache<32, 190> = const { RuleCache::new() };
}

/// True for a short word, such as a tool's name: it contains no separator.
fn is_word(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= MAX_WORD && text.bytes().all(letter)
}

/// Redacts a text by the standard rules and the custom keys; borrows it if nothing was found.
pub(super) fn redact<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    if is_word(text) {
        return Cow::Borrowed(text);
    }
    let clean = || until_stable(text, |text| pass(rules, text));
    // What custom rules would redact is not kept either.
    if rules.off
        || !rules.keys.is_empty()
        || !rules.patterns.is_empty()
        || !rules.functions.is_empty()
    {
        return clean();
    }
    // An error means that the thread is ending.
    let is_clean = CLEAN.try_with(|clean| clean.get(text.as_bytes()));
    if is_clean == Ok(Some(true)) {
        return Cow::Borrowed(text);
    }
    let clean = clean();
    if let Cow::Borrowed(_) = clean {
        let _ = CLEAN.try_with(|clean| clean.set(text.as_bytes(), true));
    }
    clean
}

fn pass<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    let bytes = text.as_bytes();
    // Most texts have no candidate, and creating the state takes longer than reading a short text.
    let mut scan = None;
    let start = || Scan::new(rules, bytes);
    rules.automaton().scan(bytes, |literal, end| {
        scan.get_or_insert_with(start).hit(literal, end)
    });
    let mut scan = match scan {
        Some(scan) => scan,
        None if rules.off || !has_foreign(bytes) && !cards::has_any(bytes) => {
            return Cow::Borrowed(text);
        }
        None => start(),
    };
    if scan.restart_for_foreign() {
        FOREIGN.scan(bytes, |literal, end| scan.hit(literal, end));
    }
    scan.finish(text)
}

/// True if it has the first byte of a letter in Cyrillic, Greek, Hebrew, Hindi, Thai, Chinese, Japanese, Korean, of some Latin
/// letters, or of a fullwidth letter.
fn has_foreign(bytes: &[u8]) -> bool {
    let foreign = |byte: &u8| {
        matches!(
            byte,
            0xc5 | 0xce | 0xd0 | 0xd7 | 0xe0 | 0xe3 | 0xe5 | 0xeb | 0xef
        )
    };
    bytes.iter().any(foreign)
}

fn until_stable<'a>(text: &'a str, pass: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let Cow::Owned(mut clean) = pass(text) else {
        return Cow::Borrowed(text);
    };
    for _ in 0..8 {
        if clean.len() > MAX_REPEATED {
            break;
        }
        let Cow::Owned(again) = pass(&clean) else {
            break;
        };
        clean = again;
    }
    Cow::Owned(clean)
}

/// A slow and simple implementation of [`redact`], as a test oracle: searches byte by byte, without memoization.
#[cfg(test)]
pub(super) fn redact_slowly<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    until_stable(text, |text| {
        let mut scan = Scan::new(rules, text.as_bytes());
        let hit = |scan: &mut Scan<'_>, literal, end| {
            scan.memo = Memo::default();
            scan.hit(literal, end)
        };
        rules
            .automaton()
            .scan_slowly(text.as_bytes(), |literal, end| hit(&mut scan, literal, end));
        if scan.restart_for_foreign() {
            FOREIGN.scan_slowly(text.as_bytes(), |literal, end| hit(&mut scan, literal, end));
        }
        scan.finish(text)
    })
}

impl Scan<'_> {
    /// Restarts the scan for names in other scripts. Returns false if the text cannot contain any.
    fn restart_for_foreign(&mut self) -> bool {
        (self.done, self.key_done, self.ahead) = (0, 0, 0..0);
        !self.rules.off && has_foreign(self.bytes)
    }

    /// Decides at one candidate. Returns the position to continue from.
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
            Kind::Key | Kind::Custom | Kind::Vendor(_) => self.key(start, end, literal.kind),
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
            Kind::Assignment if end < self.bytes.len() => self.key(end, end + 1, Kind::Key),
            Kind::Assignment => {}
        }
        self.done
    }

    /// A cheap check whether a separator may follow a short word. A blank must precede `=`, `:` or `|`, or end an option.
    fn is_separated(&self, start: usize, end: usize) -> bool {
        const SEPARATORS: Charset = Charset::new(b"=:\"'`\\%>*]&\x1b|)12!?_\n\r,\t<(");
        match self.bytes.get(end..) {
            Some([b' ', b'=' | b':' | b'|', ..]) => true,
            Some([b' ', ..]) => {
                let word = start_while(self.bytes, start, REACH, is_key_byte);
                word < start && self.bytes[word] == b'-'
            }
            Some([next, ..]) => SEPARATORS.has(*next),
            _ => false,
        }
    }

    /// A cheap check whether a word starts here.
    fn begins_word(&self, start: usize) -> bool {
        let Some(before) = start.checked_sub(1).map(|before| self.bytes[before]) else {
            return true;
        };
        let hump = self.bytes[start].is_ascii_uppercase() && before.is_ascii_lowercase();
        !before.is_ascii_alphabetic() || hump || escape_end(self.bytes, start, start).is_some()
    }

    /// Handles a key around `start..end`, and its value.
    fn key(&mut self, start: usize, end: usize, kind: Kind) {
        if start < self.key_done {
            return;
        }
        let floor = self
            .key_done
            .max(self.done)
            .max(start.saturating_sub(REACH));
        let span = KeySpan::around(self.bytes, start, end, floor);
        self.key_done = span.end.max(end);
        // Most candidates have no separator, which is the cheaper check.
        if let Some(separator) = span.separator(self.bytes) {
            let class = self.class(&span, kind);
            match class.filter(|class| *class == Class::Strong || !separator.statement) {
                Some(class) => {
                    let found = yaml_tags::value(self, &span, &separator, class);
                    let changed = yaml_tags::changed_value(self, &separator, class, found);
                    if let Some(found) = found {
                        // The attributes of the tag are still to be scanned.
                        match separator.byte {
                            b'>' => self.add_secret_ahead(found),
                            _ => self.add(found),
                        }
                    }
                    if let Some(changed) = changed {
                        self.add(changed);
                    }
                }
                None => self.vendor(&span, &separator, kind),
            }
        } else if let Some(at) = browser_input::typed_at(self.bytes, &span)
            && let Some(class) = self.class(&span, kind)
        {
            let context = Context {
                quoted: true,
                ..Context::strict(class)
            };
            if let Some(found) = quoted(self, at, read_char(self.bytes, at), context) {
                self.add(found);
            }
        } else if let Some(name) = self.name_field(&span)
            && let Some(class) = self.class(&span, kind)
        {
            self.pair(&span, name, class);
        }
    }

    fn class(&mut self, span: &KeySpan, kind: Kind) -> Option<Class> {
        if !self.rules.keys.is_empty() {
            let custom = self.rules.is_custom_key(&span.key(self.bytes));
            if custom || kind == Kind::Custom && self.is_custom_phrase(span) {
                return Some(Class::Strong);
            }
        }
        if self.rules.off || span.start >= span.end {
            return None;
        }
        // Memoized: the keys of a text repeat.
        let from = span.phrase_start(self.bytes, self.done);
        let text = &self.bytes[from..span.end];
        let slot = text.len() + 7 * usize::from(text[0]) + 31 * usize::from(text[text.len() - 1]);
        let (start, end, class) = &mut self.memo.keys[slot % KEYS];
        if self.bytes[*start..*end] != *text {
            (*start, *end, *class) = (from, span.end, classify(self.bytes, span, from));
        }
        *class
    }

    /// True if the key starts a custom key of several words.
    fn is_custom_phrase(&self, span: &KeySpan) -> bool {
        let end = span.words_end(self.bytes);
        let key = Key::new(&self.bytes[span.start..end]);
        end > span.end && self.rules.is_custom_key(&key)
    }

    fn finish<'t>(mut self, text: &'t str) -> Cow<'t, str> {
        if !self.rules.off {
            cards::find_all(self.bytes, |start, end| {
                self.secrets.push(SecretSpan::new(start, end));
            });
        }
        if self.secrets.is_empty() {
            return Cow::Borrowed(text);
        }
        self.secrets
            .sort_by_key(|span| (span.start, usize::MAX - span.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut spans = self.secrets.iter().peekable();
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

/// Classifies a key in a phrase that starts at `from`: `API key: x`, `unexpected token: foo`.
fn classify(bytes: &[u8], span: &KeySpan, from: usize) -> Option<Class> {
    let class = span.key(bytes).classify(&TABLE);
    if from == span.start {
        return class;
    }
    let phrase = Key::new(&bytes[from..span.end]);
    match class {
        Some(Class::Strong) if !phrase.is_exempt(&TABLE) => class,
        _ => phrase.classify(&TABLE),
    }
}

fn quote(out: &mut String, encoding: Option<Encoding>) {
    match encoding {
        Some(Encoding::Escaped(level)) => {
            (0..level).for_each(|_| out.push('\\'));
            out.push('"');
        }
        Some(_) => out.push('"'),
        None => {}
    }
}
