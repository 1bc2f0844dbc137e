//! One character of a text, however it is spelled: `"`, `\"`, `&quot;`, `\u0022`, `%22`, and terminal colours.
//!
//! The text is never unescaped: the rules read it one spelled character at a time, and cut it at byte offsets.

/// How a character is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    Raw,
    /// Behind so many backslashes.
    Escaped(u8),
    /// `&quot;`, `\u0022`, `\x22`.
    Code,
    /// `%22` is 1, `%2522` is 2.
    Percent(u8),
}

/// A spelled character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelled {
    /// What it stands for; [`INVISIBLE`] for what a terminal does not print.
    pub(super) byte: u8,
    /// How many bytes spell it.
    pub(super) len: usize,
    pub(super) spelling: Spelling,
}

impl Spelled {
    const fn new(byte: u8, len: usize, spelling: Spelling) -> Spelled {
        Spelled {
            byte,
            len,
            spelling,
        }
    }

    pub(super) const fn raw(byte: u8) -> Spelled {
        Spelled::new(byte, 1, Spelling::Raw)
    }

    /// True for the same character in the same spelling.
    pub(super) fn is_like(self, other: Spelled) -> bool {
        self.byte == other.byte && self.spelling == other.spelling
    }

    /// True for a quote as JSON has it, in a text or in a string of one.
    pub(super) fn is_of_json(self) -> bool {
        matches!(self.spelling, Spelling::Raw | Spelling::Escaped(_))
    }
}

/// Terminal colours and other escape sequences.
pub(super) const INVISIBLE: u8 = 0;

/// The longest run of backslashes that is read as one spelling.
const BACKSLASHES: usize = 32;

/// How far back an escape may begin, in bytes.
const LONGEST: usize = 20;

/// Reads the character at `at`; behind the end of the text a line feed. Looks at no more than 64 bytes.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> Spelled {
    let Some(byte) = bytes.get(at) else {
        return Spelled::raw(b'\n');
    };
    let found = match byte {
        b'\\' => return backslash(bytes, at),
        b'%' => percent(bytes, at),
        b'&' => entity(bytes, at),
        0xc2 | 0xe2 | 0xe3 | 0xef => unseen(bytes, at),
        0x1b => Some((INVISIBLE, 1 + sequence(bytes, at + 1), Spelling::Raw)),
        b'^' if bytes[at..].starts_with(b"^[[") => {
            Some((INVISIBLE, 2 + sequence(bytes, at + 2), Spelling::Code))
        }
        _ => None,
    };
    let (byte, len, spelling) = found.unwrap_or((*byte, 1, Spelling::Raw));
    Spelled::new(byte, len, spelling)
}

/// Where the bytes of a kind end that begin at `at`, `max` bytes further at most.
#[inline]
pub(super) fn end_of(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = &rest[..rest.len().min(max)];
    at + rest
        .iter()
        .position(|byte| !is(*byte))
        .unwrap_or(rest.len())
}

/// Where the bytes of a kind begin that end at `at`, `max` bytes before it at most.
#[inline]
pub(super) fn start_of(bytes: &[u8], at: usize, max: usize, is: impl Fn(u8) -> bool) -> usize {
    let floor = at.saturating_sub(max);
    let before = bytes[floor..at].iter().rposition(|byte| !is(*byte));
    before.map_or(floor, |before| floor + before + 1)
}

/// Where the spelled characters of a kind end that begin at `at`; the last of them begins less than `max` bytes further.
#[inline]
pub(super) fn skip(bytes: &[u8], at: usize, max: usize, is: impl Fn(Spelled) -> bool) -> usize {
    let limit = bytes.len().min(at.saturating_add(max));
    let mut end = at;
    while end < limit {
        let next = read(bytes, end);
        if !is(next) {
            break;
        }
        end += next.len;
    }
    end
}

/// True when an escape, which may look like a part of a word, ends right before `at`: `\n`, `%20`, `ESC[1m`.
pub(super) fn escape_ends_at(bytes: &[u8], at: usize) -> bool {
    escape_end(bytes, at, at) == Some(at)
}

/// Where the escape ends that begins before `at` and ends at `at` or behind it, before `limit`.
pub(super) fn escape_end(bytes: &[u8], at: usize, limit: usize) -> Option<usize> {
    let begins = |byte| matches!(byte, b'\\' | b'%' | 0x1b);
    let start = start_of(bytes, at, LONGEST, |byte| !begins(byte)).checked_sub(1)?;
    let found = read(bytes, start);
    let end = start + found.len;
    // A bare backslash or percent sign is no escape.
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

/// Behind blanks.
pub(super) fn blanks_end(bytes: &[u8], at: usize) -> usize {
    skip(bytes, at, 64, |next| {
        matches!(next.byte, b' ' | b'\t' | INVISIBLE)
    })
}

/// Behind blanks and line feeds.
pub(super) fn spaces_end(bytes: &[u8], at: usize, max: usize) -> usize {
    skip(bytes, at, max, |next| is_space(next.byte))
}

pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    end_of(bytes, at, usize::MAX, |byte| !is_line_end(byte))
}

fn backslash(bytes: &[u8], at: usize) -> Spelled {
    let run = end_of(bytes, at, BACKSLASHES, |byte| byte == b'\\') - at;
    let rest = &bytes[at + run..];
    let escaped = |byte| Spelled::new(byte, run + 1, Spelling::Escaped(run as u8));
    let (byte, len) = match rest {
        [quote @ (b'"' | b'\'' | b'`' | b'/'), ..] => return escaped(*quote),
        [b'n' | b'r', ..] => return escaped(b'\n'),
        [b't', ..] => return escaped(b'\t'),
        [b'u', b'{', code @ ..] => {
            let digits = end_of(code, 0, 6, |byte| byte.is_ascii_hexdigit());
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
        Some(0x1b) => Spelled::new(INVISIBLE, len + sequence(bytes, at + len), Spelling::Code),
        Some(byte @ 1..0x80) => Spelled::new(byte, len, Spelling::Code),
        _ => Spelled::new(b'\\', run, Spelling::Raw),
    }
}

/// Blanks that are not ASCII, and characters that show nothing.
fn unseen(bytes: &[u8], at: usize) -> Option<(u8, usize, Spelling)> {
    let (byte, len) = match bytes[at..] {
        [0xc2, 0xa0, ..] => (b' ', 2),
        [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] | [0xe3, 0x80, 0x80, ..] => (b' ', 3),
        _ => (INVISIBLE, invisible(bytes, at)?),
    };
    Some((byte, len, Spelling::Raw))
}

/// How long the character at `at` is, if it shows nothing: a byte order mark, a soft hyphen, a space without width.
pub(super) fn invisible(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at..] {
        [0xc2, 0xad, ..] => Some(2),
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

/// The ASCII character of double width at `at`: `Ａ`, `＿`.
pub(super) fn wide(bytes: &[u8], at: usize) -> Option<u8> {
    match bytes[at..] {
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => Some(low - 0x60),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => Some(low - 0x20),
        _ => None,
    }
}

/// `%XX`, encoded once or several times.
fn percent(bytes: &[u8], at: usize) -> Option<(u8, usize, Spelling)> {
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
    (byte < 0x80).then(|| (byte.max(1), digits + 2 - at, Spelling::Percent(depth)))
}

/// `&quot;`, `&#34;`, `&#x22;`, `&amp;quot;`.
fn entity(bytes: &[u8], at: usize) -> Option<(u8, usize, Spelling)> {
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
        return Some((*byte, name + text.len() - at, Spelling::Code));
    }
    let number = match rest {
        [b'#', b'x' | b'X', code @ ..] => Some((code, 16, 2)),
        [b'#', code @ ..] => Some((code, 10, 1)),
        _ => None,
    };
    if let Some((code, radix, prefix)) = number {
        let digits = end_of(code, 0, 6, |byte| char::from(byte).is_digit(radix));
        let text = std::str::from_utf8(&code[..digits]).ok()?;
        let value = u32::from_str_radix(text, radix).ok()?;
        if code.get(digits) == Some(&b';') && (1..0x80).contains(&value) {
            return Some((value as u8, name + prefix + digits + 1 - at, Spelling::Code));
        }
    }
    (name > at + 1).then(|| (b'&', name - at, Spelling::Code))
}

/// How long the rest of a terminal's escape sequence is, behind the escape character.
fn sequence(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at.min(bytes.len())..];
    match rest {
        [b'[', parameters @ ..] => {
            let len = end_of(parameters, 0, 24, |byte| matches!(byte, 0x20..=0x3f));
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
