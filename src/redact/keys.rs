//! Keys that say by their name that their value is secret, in any spelling.

use crate::redact::{
    rules::{Class, Place, Table},
    spell::{invisible, read, wide},
};

/// The longest key that is looked at, in bytes; of a longer one its end.
const LONGEST: usize = 64;

/// Names as short as this must begin a word.
const SHORT: usize = 8;

/// A key in lower case without separators, and where its words begin.
#[derive(Clone, Copy)]
pub(super) struct Key {
    bytes: [u8; LONGEST],
    len: usize,
    /// Bit n is set where a word begins at byte n.
    starts: u64,
}

impl Key {
    pub(super) fn of(text: &[u8]) -> Key {
        let mut key = Key {
            bytes: [0; LONGEST],
            len: 0,
            starts: 0,
        };
        let mut before = b' ';
        let mut at = text.len().saturating_sub(2 * LONGEST);
        while at < text.len() {
            if let Some(len) = invisible(text, at) {
                at += len;
                continue;
            }
            let (byte, len) = decoded(text, at);
            let next = text.get(at + len).copied().unwrap_or(b' ');
            at += len;
            if byte.is_ascii_alphanumeric() || !byte.is_ascii() {
                if key.len == LONGEST {
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

    pub(super) fn joined(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// True when it ends with the same word as another: `expected_password` as `password`.
    pub(super) fn ends_like(&self, other: &Key) -> bool {
        self.len > 0 && self.last() == other.last()
    }

    /// What kind of secret it names.
    pub(super) fn judge(mut self, table: &Table) -> Option<Class> {
        self.drop_digits();
        for _ in 0..2 {
            if self.len > self.last().len() && is_one_of(&table.value, self.last()) {
                self.len -= self.last().len();
                self.drop_digits();
            }
        }
        let joined = self.joined();
        let mut found = None;
        for (name, place, class) in table.endings.get(joined.last()?).into_iter().flatten() {
            if joined.ends_with(name.as_bytes()) {
                let start = joined.len() - name.len();
                let border = self.starts >> start & 1 == 1;
                let fits = match place {
                    Place::Anywhere => true,
                    Place::End | Place::Apart => border || name.len() > SHORT,
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
        found.filter(|_| !self.is_none(table))
    }

    /// True for `next_token` and the like.
    pub(super) fn is_none(&self, table: &Table) -> bool {
        table
            .none
            .iter()
            .any(|name| self.joined().ends_with(name.as_bytes()))
    }

    fn last(&self) -> &[u8] {
        let starts = self.starts & (u64::MAX >> (LONGEST - self.len.max(1)));
        let start = (LONGEST - 1).saturating_sub(starts.leading_zeros() as usize);
        &self.bytes[start.min(self.len)..self.len]
    }

    fn drop_first(&mut self) {
        self.bytes.copy_within(1.., 0);
        self.starts >>= 1;
        self.len -= 1;
    }

    /// The number at the end: `password2`.
    fn drop_digits(&mut self) {
        while self.len > 0 && self.bytes[self.len - 1].is_ascii_digit() {
            self.len -= 1;
        }
    }
}

/// The character at `at`, which may be percent-encoded, escaped, or of double width, and how long it is.
fn decoded(text: &[u8], at: usize) -> (u8, usize) {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    match text[at..] {
        [b'%', high, low, ..] => match (hex(high), hex(low)) {
            (Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            _ => (b'%', 1),
        },
        [b'\\', ..] => {
            let found = read(text, at);
            (found.byte, found.len)
        }
        [byte, ..] => wide(text, at).map_or((byte, 1), |byte| (byte, 3)),
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
