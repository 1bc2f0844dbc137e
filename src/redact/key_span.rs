//! The span of a key in the text, and the separator between the key and its value.

use crate::redact::{
    cells::{begins_cell, in_column, next_cell},
    encoded_char::{
        EncodedChar, Encoding, INVISIBLE, end_while, escape_end, fullwidth, invisible, is_quote,
        read_char, skip_blanks, start_while,
    },
    keys::Key,
};

/// Maximum extent of a key before and after the matched literal, in bytes.
pub(super) const REACH: usize = 64;

/// Maximum distance of the separator from the end of the key, and of the value from the separator, in bytes.
const MAX_SEPARATOR: usize = 40;

/// Prefixes of commands that set a variable: `setx NAME x`.
pub(super) const ASSIGNMENT_COMMANDS: &[&str] = &[
    "setx ",
    "set -x ",
    "set -gx ",
    "config set ",
    "configure set ",
];

/// The span of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeySpan {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The preceding character.
    pub(super) before: Option<EncodedChar>,
}

/// The separator between a key and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Separator {
    /// End of the separator, where the value begins.
    pub(super) end: usize,
    /// `=`, `:`, `,` of a list, `(` of a call, `>` of an element, `|` of a table, ` ` of an option or a statement.
    pub(super) byte: u8,
    /// Number of times the separator is percent-encoded.
    pub(super) percent: u8,
    /// The closing quote of the key.
    pub(super) closing: Option<EncodedChar>,
    /// True for a blank between a keyword and its value, as in SQL.
    pub(super) statement: bool,
    /// True without blanks around the separator.
    pub(super) tight: bool,
    /// True inside Markdown emphasis (`*`).
    pub(super) emphasis: bool,
}

impl Separator {
    /// Sets the separator byte, and extends the separator by `len` bytes.
    fn with_byte(self, byte: u8, len: usize) -> Option<Separator> {
        let end = self.end + len;
        Some(Separator { end, byte, ..self })
    }

    /// True if `next` doubles the closing quote of the key, whose opening quote is doubled too.
    fn is_doubled(&self, before: Option<EncodedChar>, next: EncodedChar) -> bool {
        let raw = Some(EncodedChar::raw(next.byte));
        is_quote(next.byte) && Some(next) == raw && self.closing == raw && before == raw
    }
}

pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the length of the key character at `at`: more than 1 if it is percent-encoded or not ASCII.
fn key_char(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..)? {
        [byte, ..] if is_key_byte(*byte) => Some(1),
        [b'%' | b'\\', ..] => {
            let found = read_char(bytes, at);
            let letter = found.len == 3 && bytes[at] == b'%' || found.encoding == Encoding::Code;
            (letter && is_key_byte(found.byte)).then_some(found.len)
        }
        [0xc2 | 0xe2 | 0xef, ..] if invisible(bytes, at).is_some() => invisible(bytes, at),
        [0xef, ..] if fullwidth(bytes, at).is_some_and(is_key_byte) => Some(3),
        // Punctuation: `“`, `：`, `「`.
        [0xe2 | 0xef, ..] | [0xe3, 0x80, ..] => None,
        [0xc3..=0xdf, ..] => Some(2),
        [0xe0..=0xef, ..] => Some(3),
        _ => None,
    }
}

/// Returns the length of the key character that ends at `at`.
fn key_char_before(bytes: &[u8], at: usize) -> Option<usize> {
    let last = *bytes.get(at.checked_sub(1)?)?;
    if is_key_byte(last) || matches!(last, b'%' | b'\\') && key_char(bytes, at - 1).is_some() {
        return Some(1);
    }
    let ends =
        |len: usize| at.checked_sub(len).and_then(|start| key_char(bytes, start)) == Some(len);
    [2, 3].into_iter().find(|len| last >= 0x80 && ends(*len))
}

impl KeySpan {
    /// Returns the key around `start..end`, starting no earlier than `floor`.
    pub(super) fn around(bytes: &[u8], start: usize, end: usize, floor: usize) -> KeySpan {
        let mut first = start;
        while first > floor
            && let Some(len) = key_char_before(bytes, first)
        {
            first -= len;
        }
        // Excludes the end of an escape: `\npassword`, `%3Ftoken`, `ESC[31mtoken`.
        if let Some(end) = escape_end(bytes, first, start).filter(|end| *end > first) {
            first = end;
        }
        let mut last = end;
        while last < end + REACH
            && let Some(len) = key_char(bytes, last)
        {
            last += len;
        }
        KeySpan {
            start: first,
            end: last,
            before: before(bytes, first),
        }
    }

    pub(super) fn key(&self, bytes: &[u8]) -> Key {
        Key::new(&bytes[self.start..self.end])
    }

    /// Returns the start of the preceding word if one blank separates it from the key; otherwise the key's own start.
    pub(super) fn phrase_start(&self, bytes: &[u8], floor: usize) -> usize {
        match self.start.checked_sub(1) {
            Some(blank) if bytes[blank] == b' ' && blank >= floor => {
                let max = 16.min(blank - floor);
                let word = start_while(bytes, blank, max, |byte| byte.is_ascii_alphabetic());
                if word < blank { word } else { self.start }
            }
            _ => self.start,
        }
    }

    /// Returns the end of a phrase of up to three words that starts with this key.
    pub(super) fn words_end(&self, bytes: &[u8]) -> usize {
        let mut end = self.end;
        for _ in 0..2 {
            let word = end_while(bytes, end + 1, REACH, |byte| byte.is_ascii_alphanumeric());
            if bytes.get(end) != Some(&b' ') || word == end + 1 {
                break;
            }
            end = word;
        }
        end
    }

    /// Returns the byte before the opening quote of the key.
    pub(super) fn before_quote(&self, bytes: &[u8]) -> u8 {
        let quote = self.before.filter(|before| is_quote(before.byte));
        let at = quote.and_then(|quote| self.start.checked_sub(quote.len + 1));
        at.map_or(b' ', |at| bytes[at])
    }

    pub(super) fn is_option(&self, bytes: &[u8]) -> bool {
        let begins =
            |before: EncodedChar| before.byte <= b' ' || b"\"'`[(,=|".contains(&before.byte);
        bytes[self.start] == b'-' && self.before.is_none_or(begins)
    }

    /// True after `let`, `const` and similar keywords: only a quoted value can be a secret, any other is code.
    pub(super) fn is_declared(&self, bytes: &[u8]) -> bool {
        const WORDS: &[&str] = &[
            "let ", "mut ", "const ", "static ", "var ", "type ", "pub ", "trait ",
        ];
        let before = &bytes[..self.start];
        WORDS.iter().any(|word| before.ends_with(word.as_bytes()))
    }

    /// True in the query of a URL.
    pub(super) fn in_query(&self) -> bool {
        self.before
            .is_some_and(|before| matches!(before.byte, b'?' | b'&' | b'#'))
    }

    /// Returns the separator behind the key; `None` if there is none.
    pub(super) fn separator(&self, bytes: &[u8]) -> Option<Separator> {
        let limit = bytes.len().min(self.end + MAX_SEPARATOR);
        let mut separator = Separator {
            end: self.end,
            byte: 0,
            percent: 0,
            closing: None,
            statement: false,
            tight: true,
            emphasis: false,
        };
        let element = self.before.is_some_and(|before| before.byte == b'<')
            || self.start >= 2 && bytes[self.start - 1] == b':' && self.in_namespace(bytes);
        while separator.end < limit {
            let next = read_char(bytes, separator.end);
            let cell = |at: usize| next_cell(bytes, at + usize::from(next.byte == b':'));
            match next.byte {
                INVISIBLE => {}
                0xe2 | 0xef
                    if ["：", "＝", "→"]
                        .iter()
                        .any(|sign| bytes[separator.end..].starts_with(sign.as_bytes())) =>
                {
                    let value = skip_blanks(bytes, separator.end + 3);
                    // `Password → Settings`
                    if next.byte == 0xe2 && !is_quote(read_char(bytes, value).byte) {
                        return None;
                    }
                    return separator.with_byte(b':', value - separator.end);
                }
                // `the password is: x`
                b'i' if !separator.tight && bytes[separator.end..].starts_with(b"is:") => {
                    separator.end += 1;
                }
                b'"' | b'\'' | b'`' if separator.closing.is_none() && separator.tight => {
                    separator.closing = Some(next);
                }
                // Doubled quotes, as in a quoted CSV field.
                b'"' | b'\'' | b'`'
                    if separator.tight && separator.is_doubled(self.before, next) =>
                {
                    separator.closing = Some(EncodedChar { len: 2, ..next });
                }
                // `PASSWORD 'x'`
                b'"' | b'\''
                    if !separator.tight
                        && next.encoding == Encoding::Raw
                        && !self.in_assignment(bytes) =>
                {
                    separator.statement = true;
                    return separator.with_byte(b' ', 0);
                }
                b'\t'
                    if separator.end == self.end
                        && in_column(bytes, self.before, separator.end) =>
                {
                    return separator.with_byte(b'|', next.len);
                }
                b' ' | b'\t' => separator.tight = false,
                b'*' => separator.emphasis = true,
                // The text of a cell may end with a colon.
                b'<' | b':' if !element && cell(separator.end).is_some() => {
                    let (at, byte) = cell(separator.end)?;
                    return separator.with_byte(byte, at - separator.end);
                }
                b']' | b'!' | b'?' => {}
                // `textbox "Password" [ref=e5]: x`
                b'[' if !separator.tight
                    && self.before.is_some_and(|before| is_quote(before.byte)) =>
                {
                    separator.end =
                        end_while(bytes, separator.end, MAX_SEPARATOR, |byte| byte != b']');
                    separator.closing = None;
                }
                // `setPassword("x")`
                b'(' if separator.tight && is_quote(read_char(bytes, separator.end + 1).byte) => {
                    return separator.with_byte(b'(', 1);
                }
                b')' if separator.tight => {}
                b'=' | b':' => return self.assignment(bytes, separator, next),
                b'>' if element => return separator.with_byte(b'>', next.len),
                b',' if separator.closing.is_some()
                    && (self.is_option(bytes)
                        || matches!(self.before_quote(bytes), b'(' | b'[')) =>
                {
                    return separator.with_byte(b',', next.len);
                }
                b'|' if begins_cell(bytes, self.start) => {
                    return separator.with_byte(b'|', next.len);
                }
                // `<Password type="text">`
                _ if element && !separator.tight => {
                    let of_tag = |byte| !matches!(byte, b'>' | b'<');
                    let end = end_while(bytes, separator.end, 2 * REACH, of_tag);
                    let open = bytes.get(end) == Some(&b'>') && bytes[end - 1] != b'/';
                    return separator
                        .with_byte(b'>', end + 1 - separator.end)
                        .filter(|_| open);
                }
                _ if separator.tight => return None,
                _ if self.is_option(bytes) && next.byte != b'-' || self.in_assignment(bytes) => {
                    return separator.with_byte(b' ', 0);
                }
                _ => {
                    separator.statement = true;
                    return separator
                        .with_byte(b' ', 0)
                        .filter(|_| self.in_netrc(bytes));
                }
            }
            separator.end += next.len;
        }
        None
    }

    /// Reads `=`, `:`, `==`, `:=` or `=>` and the blanks behind it; `None` for the `::` of paths and the like.
    fn assignment(
        &self,
        bytes: &[u8],
        mut separator: Separator,
        first: EncodedChar,
    ) -> Option<Separator> {
        separator.byte = first.byte;
        if let Encoding::Percent(depth) = first.encoding {
            separator.percent = depth;
        }
        let start = separator.end;
        separator.end = end_while(bytes, start + first.len, 2, |byte| {
            matches!(byte, b'=' | b':' | b'>')
        });
        // Excludes `Some(password) = x`, paths, grammar rules, Markdown link definitions, and the user of a URL, which the
        // rule for `@` handles.
        let pattern = bytes[self.end..start].ends_with(b") ") && first.byte == b'=';
        let link = first.byte == b':'
            && bytes[start - 1] == b']'
            && (bytes[start - 2] == b'`' || !self.within_brackets(bytes));
        let user = first.byte == b':' && bytes[..self.start].ends_with(b"://");
        if pattern || link || user || bytes[start..separator.end].starts_with(b"::") {
            return None;
        }
        let value = separator.end;
        while separator.end < bytes.len() && separator.end < value + MAX_SEPARATOR {
            let next = read_char(bytes, separator.end);
            match next.byte {
                b' ' | b'\t' => separator.tight = false,
                b'+' if separator.percent == 0 && self.in_query() => break,
                b'*' if bytes[separator.end..].starts_with(b"**") => {
                    separator.emphasis = true;
                    separator.end += 1;
                }
                INVISIBLE => {}
                _ => break,
            }
            separator.end += next.len;
        }
        Some(separator)
    }

    /// True for `user[password]`, but not for `[password]`.
    fn within_brackets(&self, bytes: &[u8]) -> bool {
        let open = start_while(bytes, self.start, 3, |byte| byte != b'[');
        open == 0 || bytes[open - 1] != b'[' || open >= 2 && is_key_byte(bytes[open - 2])
    }

    /// True behind `<ns:`.
    fn in_namespace(&self, bytes: &[u8]) -> bool {
        let name = start_while(bytes, self.start - 1, REACH, is_key_byte);
        name > 0 && bytes[name - 1] == b'<'
    }

    fn in_assignment(&self, bytes: &[u8]) -> bool {
        ASSIGNMENT_COMMANDS.iter().any(|command| {
            let start = self.start.saturating_sub(command.len());
            bytes[start..self.start].eq_ignore_ascii_case(command.as_bytes())
        })
    }

    /// True in `login ann password x`.
    fn in_netrc(&self, bytes: &[u8]) -> bool {
        let before = &bytes[self.start.saturating_sub(REACH)..self.start];
        let mut words = before.trim_ascii_end().rsplitn(2, |byte| *byte <= b' ');
        let before = words.nth(1).unwrap_or_default();
        before.trim_ascii_end().ends_with(b"login")
    }
}

/// Returns the character that ends at `start`.
fn before(bytes: &[u8], start: usize) -> Option<EncodedChar> {
    let last = start.checked_sub(1)?;
    let raw = bytes[last];
    if is_quote(raw) {
        let slashes = last - start_while(bytes, last, 32, |byte| byte == b'\\');
        let encoding = match slashes {
            0 => Encoding::Raw,
            _ => Encoding::Escaped(slashes as u8),
        };
        return Some(EncodedChar {
            byte: raw,
            len: 1 + slashes,
            encoding,
        });
    }
    let opens: &[u8] = if raw == b';' { b"&" } else { b"\\%\x1b" };
    let open = start_while(bytes, last, 12, |byte| !opens.contains(&byte));
    let found = open
        .checked_sub(1)
        .map(|open| (open, read_char(bytes, open)));
    let encoded =
        found.filter(|(open, found)| opens.contains(&bytes[*open]) && open + found.len == start);
    Some(encoded.map_or(EncodedChar::raw(raw), |(_, found)| found))
}
