//! Where a key stands: what is around it, and what parts it from its value.

use crate::redact::{
    cells::{begins_cell, in_column, next_cell},
    keys::Key,
    spell::{
        INVISIBLE, Spelled, Spelling, blanks_end, end_of, escape_end, invisible, is_quote, read,
        start_of, wide,
    },
};

/// How far before and behind a literal a key goes on, in bytes.
pub(super) const REACH: usize = 64;

/// How far behind a key its separator is looked for, in bytes.
const SEPARATOR: usize = 40;

/// What a command begins with that sets a variable: `setx NAME x`.
pub(super) const ASSIGNING: &[&str] = &[
    "setx ",
    "set -x ",
    "set -gx ",
    "config set ",
    "configure set ",
];

/// A key in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The character before it.
    pub(super) before: Option<Spelled>,
}

/// What parts a key from its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct After {
    /// Where the value begins.
    pub(super) at: usize,
    /// `=`, `:`, `,` of a list, `(` of a call, `>` of an element, `|` of a table, ` ` of an option or a statement.
    pub(super) separator: u8,
    /// How often the separator is percent-encoded.
    pub(super) percent: u8,
    /// The quote that closes the key.
    pub(super) closing: Option<Spelled>,
    /// A blank parts a password from its value, in SQL and the like.
    pub(super) statement: bool,
    /// No blanks around the separator.
    pub(super) tight: bool,
    /// In Markdown's `*`.
    pub(super) emphasis: bool,
}

impl After {
    /// With a separator, and the value so many bytes behind.
    fn parted(self, separator: u8, len: usize) -> Option<After> {
        let at = self.at + len;
        Some(After {
            at,
            separator,
            ..self
        })
    }

    /// True where the quote that closes a key is written twice, as the one before it.
    fn is_doubled(&self, before: Option<Spelled>, next: Spelled) -> bool {
        let raw = Some(Spelled::raw(next.byte));
        is_quote(next.byte) && Some(next) == raw && self.closing == raw && before == raw
    }
}

pub(super) fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// How long the character of a key is that begins at `at`: longer than 1 where it is percent-encoded or no ASCII.
fn key_char(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [byte, ..] if is_of_key(*byte) => Some(1),
        [b'%' | b'\\', ..] => {
            let found = read(bytes, at);
            let letter = found.len == 3 && bytes[at] == b'%' || found.spelling == Spelling::Code;
            (letter && is_of_key(found.byte)).then_some(found.len)
        }
        [0xc2 | 0xe2 | 0xef, ..] if invisible(bytes, at).is_some() => invisible(bytes, at),
        [0xef, ..] if wide(bytes, at).is_some_and(is_of_key) => Some(3),
        // Punctuation: `“`, `：`, `「`.
        [0xe2 | 0xef, ..] | [0xe3, 0x80, ..] => None,
        [0xc3..=0xdf, ..] => Some(2),
        [0xe0..=0xef, ..] => Some(3),
        _ => None,
    }
}

/// How long the character of a key is that ends at `at`.
fn key_char_before(bytes: &[u8], at: usize) -> Option<usize> {
    let last = *bytes.get(at.checked_sub(1)?)?;
    if is_of_key(last) || matches!(last, b'%' | b'\\') && key_char(bytes, at - 1).is_some() {
        return Some(1);
    }
    let ends =
        |len: usize| at.checked_sub(len).and_then(|start| key_char(bytes, start)) == Some(len);
    [2, 3].into_iter().find(|len| last >= 0x80 && ends(*len))
}

impl Site {
    /// The key of which `start..end` is a part, not before `floor`.
    pub(super) fn around(bytes: &[u8], start: usize, end: usize, floor: usize) -> Site {
        let mut first = start;
        while first > floor
            && let Some(len) = key_char_before(bytes, first)
        {
            first -= len;
        }
        // The tail of an escape is no part of it: `\npassword`, `%3Ftoken`, `ESC[31mtoken`.
        if let Some(end) = escape_end(bytes, first, start).filter(|end| *end > first) {
            first = end;
        }
        let mut last = end;
        while last < end + REACH
            && let Some(len) = key_char(bytes, last)
        {
            last += len;
        }
        Site {
            start: first,
            end: last,
            before: before(bytes, first),
        }
    }

    pub(super) fn key(&self, bytes: &[u8]) -> Key {
        Key::of(&bytes[self.start..self.end])
    }

    /// Where the word before it begins, where one blank parts them; else its own start.
    pub(super) fn phrase_start(&self, bytes: &[u8], floor: usize) -> usize {
        match self.start.checked_sub(1) {
            Some(blank) if bytes[blank] == b' ' && blank >= floor => {
                let max = 16.min(blank - floor);
                let word = start_of(bytes, blank, max, |byte| byte.is_ascii_alphabetic());
                if word < blank { word } else { self.start }
            }
            _ => self.start,
        }
    }

    /// Where the second or third word of a phrase ends that begins with this key.
    pub(super) fn words_end(&self, bytes: &[u8]) -> usize {
        let mut end = self.end;
        for _ in 0..2 {
            let word = end_of(bytes, end + 1, REACH, |byte| byte.is_ascii_alphanumeric());
            if bytes.get(end) != Some(&b' ') || word == end + 1 {
                break;
            }
            end = word;
        }
        end
    }

    /// The byte before the quote before the key.
    pub(super) fn before_quote(&self, bytes: &[u8]) -> u8 {
        let quote = self.before.filter(|before| is_quote(before.byte));
        let at = quote.and_then(|quote| self.start.checked_sub(quote.len + 1));
        at.map_or(b' ', |at| bytes[at])
    }

    pub(super) fn is_option(&self, bytes: &[u8]) -> bool {
        let begins = |before: Spelled| before.byte <= b' ' || b"\"'`[(,=|".contains(&before.byte);
        bytes[self.start] == b'-' && self.before.is_none_or(begins)
    }

    /// After `let`, `const` and the like: only a quoted value can be a secret, anything else is code.
    pub(super) fn is_declared(&self, bytes: &[u8]) -> bool {
        const WORDS: &[&str] = &[
            "let ", "mut ", "const ", "static ", "var ", "type ", "pub ", "trait ",
        ];
        let before = &bytes[..self.start];
        WORDS.iter().any(|word| before.ends_with(word.as_bytes()))
    }

    /// In a URL's query.
    pub(super) fn in_query(&self) -> bool {
        self.before
            .is_some_and(|before| matches!(before.byte, b'?' | b'&' | b'#'))
    }

    /// What parts it from its value; `None` where there is none.
    pub(super) fn after(&self, bytes: &[u8]) -> Option<After> {
        let limit = bytes.len().min(self.end + SEPARATOR);
        let mut after = After {
            at: self.end,
            separator: 0,
            percent: 0,
            closing: None,
            statement: false,
            tight: true,
            emphasis: false,
        };
        let element = self.before.is_some_and(|before| before.byte == b'<')
            || self.start >= 2 && bytes[self.start - 1] == b':' && self.in_namespace(bytes);
        while after.at < limit {
            let next = read(bytes, after.at);
            let cell = |at: usize| next_cell(bytes, at + usize::from(next.byte == b':'));
            match next.byte {
                INVISIBLE => {}
                0xe2 | 0xef
                    if ["：", "＝", "→"]
                        .iter()
                        .any(|sign| bytes[after.at..].starts_with(sign.as_bytes())) =>
                {
                    let value = blanks_end(bytes, after.at + 3);
                    // `Password → Settings`
                    if next.byte == 0xe2 && !is_quote(read(bytes, value).byte) {
                        return None;
                    }
                    return after.parted(b':', value - after.at);
                }
                // `the password is: x`
                b'i' if !after.tight && bytes[after.at..].starts_with(b"is:") => after.at += 1,
                b'"' | b'\'' | b'`' if after.closing.is_none() && after.tight => {
                    after.closing = Some(next);
                }
                // Doubled, as in a quoted field of CSV.
                b'"' | b'\'' | b'`' if after.tight && after.is_doubled(self.before, next) => {
                    after.closing = Some(Spelled { len: 2, ..next });
                }
                // `PASSWORD 'x'`
                b'"' | b'\''
                    if !after.tight && next.spelling == Spelling::Raw && !self.in_setx(bytes) =>
                {
                    after.statement = true;
                    return after.parted(b' ', 0);
                }
                b'\t' if after.at == self.end && in_column(bytes, self.before, after.at) => {
                    return after.parted(b'|', next.len);
                }
                b' ' | b'\t' => after.tight = false,
                b'*' => after.emphasis = true,
                // A colon may end what stands in a cell.
                b'<' | b':' if !element && cell(after.at).is_some() => {
                    let (at, separator) = cell(after.at)?;
                    return after.parted(separator, at - after.at);
                }
                b']' | b'!' | b'?' => {}
                // `textbox "Password" [ref=e5]: x`
                b'[' if !after.tight && self.before.is_some_and(|before| is_quote(before.byte)) => {
                    after.at = end_of(bytes, after.at, SEPARATOR, |byte| byte != b']');
                    after.closing = None;
                }
                // `setPassword("x")`
                b'(' if after.tight && is_quote(read(bytes, after.at + 1).byte) => {
                    return after.parted(b'(', 1);
                }
                b')' if after.tight => {}
                b'=' | b':' => return self.separated(bytes, after, next),
                b'>' if element => return after.parted(b'>', next.len),
                b',' if after.closing.is_some()
                    && (self.is_option(bytes)
                        || matches!(self.before_quote(bytes), b'(' | b'[')) =>
                {
                    return after.parted(b',', next.len);
                }
                b'|' if begins_cell(bytes, self.start) => return after.parted(b'|', next.len),
                // `<Password type="text">`
                _ if element && !after.tight => {
                    let of_tag = |byte| !matches!(byte, b'>' | b'<');
                    let end = end_of(bytes, after.at, 2 * REACH, of_tag);
                    let open = bytes.get(end) == Some(&b'>') && bytes[end - 1] != b'/';
                    return after.parted(b'>', end + 1 - after.at).filter(|_| open);
                }
                _ if after.tight => return None,
                _ if self.is_option(bytes) && next.byte != b'-' || self.in_setx(bytes) => {
                    return after.parted(b' ', 0);
                }
                _ => {
                    after.statement = true;
                    return after.parted(b' ', 0).filter(|_| self.in_netrc(bytes));
                }
            }
            after.at += next.len;
        }
        None
    }

    /// `=`, `:`, `==`, `:=`, `=>`; not the `::` of paths.
    fn separated(&self, bytes: &[u8], mut after: After, first: Spelled) -> Option<After> {
        after.separator = first.byte;
        if let Spelling::Percent(depth) = first.spelling {
            after.percent = depth;
        }
        let start = after.at;
        after.at = end_of(bytes, start + first.len, 2, |byte| {
            matches!(byte, b'=' | b':' | b'>')
        });
        // Not `Some(password) = x`, a path, a grammar's rule, a link's definition in Markdown, nor the user of a URL, which
        // the rule for `@` knows.
        let pattern = bytes[self.end..start].ends_with(b") ") && first.byte == b'=';
        let link = first.byte == b':'
            && bytes[start - 1] == b']'
            && (bytes[start - 2] == b'`' || !self.within_brackets(bytes));
        let user = first.byte == b':' && bytes[..self.start].ends_with(b"://");
        if pattern || link || user || bytes[start..after.at].starts_with(b"::") {
            return None;
        }
        let value = after.at;
        while after.at < bytes.len() && after.at < value + SEPARATOR {
            let next = read(bytes, after.at);
            match next.byte {
                b' ' | b'\t' => after.tight = false,
                b'+' if after.percent == 0 && self.in_query() => break,
                b'*' if bytes[after.at..].starts_with(b"**") => {
                    after.emphasis = true;
                    after.at += 1;
                }
                INVISIBLE => {}
                _ => break,
            }
            after.at += next.len;
        }
        Some(after)
    }

    /// `user[password]`, but not `[password]`.
    fn within_brackets(&self, bytes: &[u8]) -> bool {
        let open = start_of(bytes, self.start, 3, |byte| byte != b'[');
        open == 0 || bytes[open - 1] != b'[' || open >= 2 && is_of_key(bytes[open - 2])
    }

    /// `<ns:` before the key.
    fn in_namespace(&self, bytes: &[u8]) -> bool {
        let name = start_of(bytes, self.start - 1, REACH, is_of_key);
        name > 0 && bytes[name - 1] == b'<'
    }

    fn in_setx(&self, bytes: &[u8]) -> bool {
        ASSIGNING.iter().any(|command| {
            let start = self.start.saturating_sub(command.len());
            bytes[start..self.start].eq_ignore_ascii_case(command.as_bytes())
        })
    }

    /// `login ann password x`.
    fn in_netrc(&self, bytes: &[u8]) -> bool {
        let before = &bytes[self.start.saturating_sub(REACH)..self.start];
        let mut words = before.trim_ascii_end().rsplitn(2, |byte| *byte <= b' ');
        let before = words.nth(1).unwrap_or_default();
        before.trim_ascii_end().ends_with(b"login")
    }
}

/// The character that ends at `start`.
fn before(bytes: &[u8], start: usize) -> Option<Spelled> {
    let last = start.checked_sub(1)?;
    let raw = bytes[last];
    if is_quote(raw) {
        let slashes = last - start_of(bytes, last, 32, |byte| byte == b'\\');
        let spelling = match slashes {
            0 => Spelling::Raw,
            _ => Spelling::Escaped(slashes as u8),
        };
        return Some(Spelled {
            byte: raw,
            len: 1 + slashes,
            spelling,
        });
    }
    let opens: &[u8] = if raw == b';' { b"&" } else { b"\\%\x1b" };
    let open = start_of(bytes, last, 12, |byte| !opens.contains(&byte));
    let found = open.checked_sub(1).map(|open| (open, read(bytes, open)));
    let spelled =
        found.filter(|(open, found)| opens.contains(&bytes[*open]) && open + found.len == start);
    Some(spelled.map_or(Spelled::raw(raw), |(_, found)| found))
}
