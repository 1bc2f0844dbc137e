//! Characters and their encodings: `"`, `\"`, `&quot;`, `\u0022`, `%22`, and terminal escape sequences.
//!
//! The text is never unescaped: the rules read one encoded character at a time, and use byte offsets.

/// The encoding of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Raw,
    /// Preceded by this number of backslashes.
    Escaped(u8),
    /// `&quot;`, `\u0022`, `\x22`.
    Code,
    /// Percent-encoded this number of times: `%22` is 1, `%2522` is 2.
    Percent(u8),
}

/// A character and its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EncodedChar {
    /// The decoded character; [`INVISIBLE`] for sequences that a terminal does not print.
    pub(super) byte: u8,
    /// Length of the encoding in bytes.
    pub(super) len: usize,
    pub(super) encoding: Encoding,
}

impl EncodedChar {
    const fn new(byte: u8, len: usize, encoding: Encoding) -> EncodedChar {
        EncodedChar {
            byte,
            len,
            encoding,
        }
    }

    pub(super) const fn raw(byte: u8) -> EncodedChar {
        EncodedChar::new(byte, 1, Encoding::Raw)
    }

    /// True for the same character in the same encoding.
    pub(super) fn is_same(self, other: EncodedChar) -> bool {
        self.byte == other.byte && self.encoding == other.encoding
    }

    /// True for an encoding of JSON quotes: raw, or escaped in a nested string.
    pub(super) fn is_json_quote(self) -> bool {
        matches!(self.encoding, Encoding::Raw | Encoding::Escaped(_))
    }
}

/// The decoded byte of terminal colours, other escape sequences and zero-width characters.
pub(super) const INVISIBLE: u8 = 0;

/// Maximum number of backslashes read as one escape.
const MAX_BACKSLASHES: usize = 32;

/// Maximum length of an escape in bytes.
const MAX_ESCAPE: usize = 20;

/// Reads the character at `at`; a line feed beyond the end of the text. Reads at most 64 bytes.
#[inline]
pub(super) fn read_char(bytes: &[u8], at: usize) -> EncodedChar {
    let Some(byte) = bytes.get(at) else {
        return EncodedChar::raw(b'\n');
    };
    let found = match byte {
        b'\\' => return backslash(bytes, at),
        b'%' => percent(bytes, at),
        b'&' => entity(bytes, at),
        0xc2 | 0xe2 | 0xe3 | 0xef => non_ascii_blank(bytes, at),
        0x1b => Some((
            INVISIBLE,
            1 + escape_sequence_len(bytes, at + 1),
            Encoding::Raw,
        )),
        b'^' if bytes[at..].starts_with(b"^[[") => Some((
            INVISIBLE,
            2 + escape_sequence_len(bytes, at + 2),
            Encoding::Code,
        )),
        _ => None,
    };
    let (byte, len, encoding) = found.unwrap_or((*byte, 1, Encoding::Raw));
    EncodedChar::new(byte, len, encoding)
}

/// Returns the end of the run of bytes from `at` that satisfy `is`, at most `max` bytes further.
#[inline]
pub(super) fn end_while(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = &rest[..rest.len().min(max)];
    at + rest
        .iter()
        .position(|byte| !is(*byte))
        .unwrap_or(rest.len())
}

/// Returns the start of the run of bytes before `at` that satisfy `is`, at most `max` bytes back.
#[inline]
pub(super) fn start_while(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let floor = at.saturating_sub(max);
    let before = bytes[floor..at].iter().rposition(|byte| !is(*byte));
    before.map_or(floor, |before| floor + before + 1)
}

/// Returns the end of the run of encoded characters from `at` that satisfy `is`. The last one starts less than `max` bytes
/// further.
#[inline]
pub(super) fn skip_while(
    bytes: &[u8],
    at: usize,
    max: usize,
    is: impl Fn(EncodedChar) -> bool,
) -> usize {
    let limit = bytes.len().min(at.saturating_add(max));
    let mut end = at;
    while end < limit {
        let next = read_char(bytes, end);
        if !is(next) {
            break;
        }
        end += next.len;
    }
    end
}

/// True if an escape ends at `at`, whose last bytes may look like part of a word: `\n`, `%20`, `ESC[1m`.
pub(super) fn escape_ends_at(bytes: &[u8], at: usize) -> bool {
    escape_end(bytes, at, at) == Some(at)
}

/// Returns the end of an escape that starts before `at` and ends in `at..=limit`.
pub(super) fn escape_end(bytes: &[u8], at: usize, limit: usize) -> Option<usize> {
    let begins = |byte| matches!(byte, b'\\' | b'%' | 0x1b);
    let start = start_while(bytes, at, MAX_ESCAPE, |byte| !begins(byte)).checked_sub(1)?;
    let found = read_char(bytes, start);
    let end = start + found.len;
    // A bare backslash or percent sign is not an escape.
    let escape = begins(bytes[start]) && found.len > 1 && !matches!(found.byte, b'\\' | b'%');
    (escape && end >= at && end <= limit).then_some(end)
}

pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Skips blanks and tabs.
pub(super) fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    skip_while(bytes, at, 64, |next| {
        matches!(next.byte, b' ' | b'\t' | INVISIBLE)
    })
}

/// Skips blanks, tabs and line ends.
pub(super) fn skip_whitespace(bytes: &[u8], at: usize, max: usize) -> usize {
    skip_while(bytes, at, max, |next| is_space(next.byte))
}

pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    end_while(bytes, at, usize::MAX, |byte| !is_line_end(byte))
}

fn backslash(bytes: &[u8], at: usize) -> EncodedChar {
    let run = end_while(bytes, at, MAX_BACKSLASHES, |byte| byte == b'\\') - at;
    let rest = &bytes[at + run..];
    let escaped = |byte| EncodedChar::new(byte, run + 1, Encoding::Escaped(run as u8));
    let (byte, len) = match rest {
        [quote @ (b'"' | b'\'' | b'`' | b'/'), ..] => return escaped(*quote),
        [b'n' | b'r', ..] => return escaped(b'\n'),
        [b't', ..] => return escaped(b'\t'),
        [b'u', b'{', code @ ..] => {
            let digits = end_while(code, 0, 6, |byte| byte.is_ascii_hexdigit());
            match code.get(digits) {
                Some(b'}') => (hex(&code[..digits]), digits + 3),
                _ => (None, 0),
            }
        }
        [b'u', code @ ..] => (code.get(..4).and_then(hex), 5),
        [b'x', code @ ..] => (code.get(..2).and_then(hex), 3),
        [b'0', b'3', b'3', b'[', ..] => (Some(0x1b), 3),
        [b'e', b'[', ..] => (Some(0x1b), 1),
        _ => (None, 0),
    };
    let len = run + len;
    match byte {
        Some(0x1b) => EncodedChar::new(
            INVISIBLE,
            len + escape_sequence_len(bytes, at + len),
            Encoding::Code,
        ),
        Some(byte @ 1..0x80) => EncodedChar::new(byte, len, Encoding::Code),
        _ => EncodedChar::new(b'\\', run, Encoding::Raw),
    }
}

/// Decodes non-ASCII blanks and zero-width characters.
fn non_ascii_blank(bytes: &[u8], at: usize) -> Option<(u8, usize, Encoding)> {
    let (byte, len) = match bytes[at..] {
        [0xc2, 0xa0, ..] => (b' ', 2),
        [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] | [0xe3, 0x80, 0x80, ..] => (b' ', 3),
        _ => (INVISIBLE, invisible(bytes, at)?),
    };
    Some((byte, len, Encoding::Raw))
}

/// Returns the length of a zero-width character at `at`: a byte order mark, a soft hyphen, a zero-width space.
pub(super) fn invisible(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at..] {
        [0xc2, 0xad, ..] => Some(2),
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

/// Decodes the fullwidth form of an ASCII character at `at`: `Ａ`, `＿`.
pub(super) fn fullwidth(bytes: &[u8], at: usize) -> Option<u8> {
    match bytes[at..] {
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => Some(low - 0x60),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => Some(low - 0x20),
        _ => None,
    }
}

/// Decodes `%XX`, encoded once or several times.
fn percent(bytes: &[u8], at: usize) -> Option<(u8, usize, Encoding)> {
    let mut depth = 1;
    let mut digits = at + 1;
    while depth < 6 && bytes[digits..].starts_with(b"25") && bytes.len() > digits + 3 {
        if hex(&bytes[digits + 2..digits + 4]).is_none() {
            break;
        }
        depth += 1;
        digits += 2;
    }
    let byte = bytes.get(digits..digits + 2).and_then(hex)?;
    (byte < 0x80).then(|| (byte.max(1), digits + 2 - at, Encoding::Percent(depth)))
}

/// Decodes `&quot;`, `&#34;`, `&#x22;`, `&amp;quot;`.
fn entity(bytes: &[u8], at: usize) -> Option<(u8, usize, Encoding)> {
    const NAMED: [(&[u8], u8); 5] = [
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"lt;", b'<'),
        (b"gt;", b'>'),
        (b"nbsp;", b' '),
    ];
    let mut name = at + 1;
    while name < at + 13 && bytes[name..].starts_with(b"amp;") {
        name += 4;
    }
    let rest = &bytes[name..];
    if let Some((text, byte)) = NAMED.iter().find(|(text, _)| rest.starts_with(text)) {
        return Some((*byte, name + text.len() - at, Encoding::Code));
    }
    let number = match rest {
        [b'#', b'x' | b'X', code @ ..] => Some((code, 16, 2)),
        [b'#', code @ ..] => Some((code, 10, 1)),
        _ => None,
    };
    if let Some((code, radix, prefix)) = number {
        let digits = end_while(code, 0, 6, |byte| char::from(byte).is_digit(radix));
        let text = std::str::from_utf8(&code[..digits]).ok()?;
        let value = u32::from_str_radix(text, radix).ok()?;
        if code.get(digits) == Some(&b';') && (1..0x80).contains(&value) {
            return Some((value as u8, name + prefix + digits + 1 - at, Encoding::Code));
        }
    }
    (name > at + 1).then(|| (b'&', name - at, Encoding::Code))
}

/// Returns the length of a terminal escape sequence, excluding the escape character.
fn escape_sequence_len(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at.min(bytes.len())..];
    match rest {
        [b'[', parameters @ ..] => {
            let len = end_while(parameters, 0, 24, |byte| matches!(byte, 0x20..=0x3f));
            let end = matches!(parameters.get(len), Some(0x40..=0x7e));
            1 + len + usize::from(end)
        }
        [b'(' | b')', next, ..] if next.is_ascii() => 2,
        _ => 0,
    }
}

fn hex(digits: &[u8]) -> Option<u8> {
    let mut value = 0_u32;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    u8::try_from(value).ok()
}
