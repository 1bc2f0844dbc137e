//! Classification of keys by their names, in any spelling.

use crate::redact::{
    encoded_char::{fullwidth, invisible, read_char},
    rule_cache::RuleCache,
    rules::{Class, Place, TABLE, Table},
};

thread_local! {
    static SECRET: RuleCache<64, 30> = const { RuleCache::new() };
}

/// True if the standard rules redact the values of a key.
pub(super) fn is_secret(key: &[u8]) -> bool {
    // An error means that the thread is ending.
    if let Ok(Some(known)) = SECRET.try_with(|secret| secret.get(key)) {
        return known;
    }
    let is_secret = Key::new(key).classify(&TABLE).is_some();
    let _ = SECRET.try_with(|secret| secret.set(key, is_secret));
    is_secret
}

/// Maximum length of a key in bytes; only the end of a longer one is used.
const MAX_KEY: usize = 64;

/// Names up to this length must start at a word boundary.
const SHORT_NAME: usize = 8;

/// A key in lower case without separators, and its word boundaries.
#[derive(Clone, Copy)]
pub(super) struct Key {
    bytes: [u8; MAX_KEY],
    len: usize,
    /// Bit n is set if a word starts at byte n.
    starts: u64,
}

impl Key {
    pub(super) fn new(text: &[u8]) -> Key {
        let mut key = Key {
            bytes: [0; MAX_KEY],
            len: 0,
            starts: 0,
        };
        let mut before = b' ';
        let mut at = text.len().saturating_sub(2 * MAX_KEY);
        while at < text.len() {
            if let Some(len) = invisible(text, at) {
                at += len;
                continue;
            }
            let (byte, len) = decoded(text, at);
            let next = text.get(at + len).copied().unwrap_or(b' ');
            at += len;
            if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
                if key.len == MAX_KEY {
                    key.drop_first();
                }
                if begins_word(before, byte, next) {
                    key.starts |= 1 << key.len;
                }
                key.bytes[key.len] = byte.to_ascii_lowercase();
                key.len += 1;
            }
            before = byte;
        }
        key
    }

    pub(super) fn normalized(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// True if both keys end with the same word: `expected_password` and `password`.
    pub(super) fn has_same_last_word(&self, other: &Key) -> bool {
        self.len > 0 && self.last() == other.last()
    }

    /// Returns the class of secret that the key names.
    pub(super) fn classify(mut self, table: &Table) -> Option<Class> {
        self.drop_digits();
        for _ in 0..2 {
            if self.len > self.last().len() && is_one_of(&table.value, self.last()) {
                self.len -= self.last().len();
                self.drop_digits();
            }
        }
        let joined = self.normalized();
        let mut found = None;
        for (name, place, class) in table.endings.get(joined.last()?).into_iter().flatten() {
            if joined.ends_with(name.as_bytes()) {
                let start = joined.len() - name.len();
                let border = self.starts >> start & 1 == 1;
                let fits = match place {
                    Place::Anywhere => true,
                    Place::End | Place::Apart => border || name.len() > SHORT_NAME,
                    Place::Word => border,
                    Place::Part => self.last().len() == name.len(),
                };
                if fits && found != Some(Class::Strong) {
                    found = Some(*class);
                }
            }
        }
        if found.is_none() && !is_one_of(&table.about, self.last()) {
            let within = |name: &String| {
                joined
                    .windows(name.len())
                    .any(|part| part == name.as_bytes())
            };
            found = table.anywhere.iter().any(within).then_some(Class::Strong);
        }
        found.filter(|_| !self.is_exempt(table))
    }

    /// True for keys such as `next_token`.
    pub(super) fn is_exempt(&self, table: &Table) -> bool {
        table
            .none
            .iter()
            .any(|name| self.normalized().ends_with(name.as_bytes()))
    }

    fn last(&self) -> &[u8] {
        let starts = self.starts & (u64::MAX >> (MAX_KEY - self.len.max(1)));
        let start = (MAX_KEY - 1).saturating_sub(starts.leading_zeros() as usize);
        &self.bytes[start.min(self.len)..self.len]
    }

    fn drop_first(&mut self) {
        self.bytes.copy_within(1.., 0);
        self.starts >>= 1;
        self.len -= 1;
    }

    /// Removes a trailing number: `password2`.
    fn drop_digits(&mut self) {
        while self.len > 0 && self.bytes[self.len - 1].is_ascii_digit() {
            self.len -= 1;
        }
    }
}

/// Decodes the character at `at`, which may be percent-encoded, escaped or fullwidth. Returns it and its length.
fn decoded(text: &[u8], at: usize) -> (u8, usize) {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    match text[at..] {
        [b'%', high, low, ..] => match (hex(high), hex(low)) {
            (Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            _ => (b'%', 1),
        },
        [b'\\', ..] => {
            let found = read_char(text, at);
            (found.byte, found.len)
        }
        [byte, ..] => fullwidth(text, at).map_or((byte, 1), |byte| (byte, 3)),
        [] => (b' ', 1),
    }
}

fn begins_word(before: u8, byte: u8, next: u8) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    if !letter(byte) {
        return !before.is_ascii_digit();
    }
    !letter(before)
        || byte.is_ascii_uppercase() && (before.is_ascii_lowercase() || next.is_ascii_lowercase())
}

fn is_one_of(names: &[String], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}
