//! Secrets recognized by their form, anywhere in a text.

use std::sync::LazyLock;

use crate::redact::{
    REDACTED,
    encoded_char::{end_while, escape_ends_at, is_quote, is_space, skip_while, start_while},
    heuristics::is_placeholder,
    rules::{Shape, TABLE},
    scan::{Scan, run_end},
};

/// Number of characters from which the entropy is estimated.
const SAMPLE: usize = 48;

/// Maximum length of user and password before an `@`, in bytes.
const MAX_USER_INFO: usize = 1_024;

impl Scan<'_> {
    /// Handles a secret with a known prefix.
    pub(super) fn shape(&mut self, shape: &Shape, start: usize) {
        let bytes = self.bytes;
        let charset = TABLE.charsets[shape.charset];
        let prefix = shape.prefix.as_bytes();
        let end = start + prefix.len();
        let (Some(head), Some(first)) = (bytes.get(start..end), start.checked_sub(shape.back))
        else {
            return;
        };
        let same = head == prefix || shape.any_case && head.eq_ignore_ascii_case(prefix);
        let begins = shape.min == 0 || bytes.get(end).is_some_and(|next| charset.has(*next));
        if !same || !begins || !shape.inside && !is_boundary(bytes, first) {
            return;
        }
        let run = self.memo.runs.end(bytes, shape.charset, end);
        let text = &bytes[end..run];
        let before = &bytes[first..start];
        if text.len() < shape.min
            || !is_random(if shape.back > 0 { before } else { text }, shape.entropy)
            || shape.mixed && !is_mixed(text)
            || shape.dotted && !is_dotted(text)
            || !before.iter().all(|byte| charset.has(*byte))
            || is_joined_words(text)
        {
            return;
        }
        // A trailing full stop or dash belongs to the sentence.
        let last = start_while(bytes, run, run - end, |byte| b".-/".contains(&byte));
        self.add_secret(if shape.keep { end } else { first }, last);
    }

    /// Handles `Bearer <token>` and `Basic <base64>`.
    pub(super) fn scheme(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        let bearer = bytes[start + 1].eq_ignore_ascii_case(&b'e');
        let word = start + if bearer { 6 } else { 5 };
        let first = usize::from(bytes.get(word) == Some(&b'+'));
        let at = skip_while(
            bytes,
            word + first,
            (end + 8).saturating_sub(word + first),
            |next| matches!(next.byte, b' ' | b'\t'),
        );
        if at == word || !is_boundary(bytes, start) {
            return;
        }
        let run = self.memo.runs.end(bytes, TABLE.credentials, at);
        let token = &bytes[at..run];
        let secret = if bearer {
            is_token(token)
        } else {
            is_basic(token)
        };
        if secret && token.first().is_some_and(u8::is_ascii_alphanumeric) {
            self.add_secret(at, run);
        }
    }

    /// Handles a private key, up to the last line that looks like one.
    pub(super) fn pem(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        let of_label =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
        let label_end = end_while(bytes, end, 48, of_label);
        let mut label = bytes[end..label_end].windows(11);
        if !label.any(|part| part == b"PRIVATE KEY") || !bytes[label_end..].starts_with(b"-----") {
            return;
        }
        let mut at = label_end + 5;
        let (mut long, mut last) = (false, at);
        loop {
            at = skip_while(bytes, at, usize::MAX, |next| is_space(next.byte));
            let rest = &bytes[at..];
            if rest.starts_with(b"-----END ") {
                let close = end_while(bytes, at + 9, 60, of_label);
                return self.add_secret(start, end_while(bytes, close, 5, |byte| byte == b'-'));
            }
            if rest.starts_with(b"Proc-Type:") || rest.starts_with(b"DEK-Info:") {
                at = end_while(bytes, at, 96, |byte| !b"\n\r\\".contains(&byte));
                last = at;
                continue;
            }
            let word = run_end(bytes, at, TABLE.charsets[TABLE.base64]);
            if word == at {
                break;
            }
            // Words of prose are short; so may be the last line of a truncated key.
            if word - at >= 16 {
                long = true;
                last = word;
            } else if long && bytes[word..].trim_ascii().is_empty() {
                last = word;
            }
            at = word;
        }
        if long {
            self.add_secret(start, last);
        }
    }

    /// Handles `scheme://user:password@` with the `@` at `at`. A password may contain `@`, `/`, `?` and `#`, although it
    /// should not.
    pub(super) fn user_info(&mut self, at: usize) {
        let Some(start) = self.authority(at) else {
            return;
        };
        let info = &self.bytes[start..at];
        let plain = info.iter().position(|byte| b"/?#".contains(byte));
        let authority = &info[..plain.unwrap_or(info.len())];
        let mut triples = authority.windows(3);
        let encoded = triples.position(|part| part.eq_ignore_ascii_case(b"%3a"));
        let colon = authority.iter().position(|byte| *byte == b':').or(encoded);
        let in_brackets = authority.first() == Some(&b'[');
        let password = colon.map(|colon| &authority[colon + 1..]);
        let has_password = password
            .is_some_and(|password| !in_brackets && !password.iter().all(u8::is_ascii_digit));
        // `git@` is only a name.
        let is_name = colon.is_none() && (info.len() < 20 || in_brackets);
        let is_path = plain.is_some() && (!has_password || authority.contains(&b'@'));
        let placeholder = *info == *REDACTED.as_bytes()
            || info.starts_with(b"[user")
            || password.is_some_and(|password| {
                matches!(password, b"" | b"password" | b"pass" | b"[password]")
                    || is_placeholder(password)
            });
        if !(info.is_empty() || is_name || is_path || placeholder) {
            self.add_secret(start, at);
        }
    }

    /// Returns the start of the user info that ends with the `@` at `at`.
    fn authority(&mut self, at: usize) -> Option<usize> {
        let bytes = self.bytes;
        let known = self.memo.user.take();
        let floor = at.saturating_sub(MAX_USER_INFO);
        let from = known.map_or(floor, |(last, _)| floor.max(last + 1));
        let begins = |place: usize| match bytes[place] {
            b'/' => bytes[..=place].ends_with(b"://") || bytes[..=place].ends_with(br":\/\/"),
            b'f' | b'F' => place >= 2 && is_encoded_slashes(bytes, place),
            _ => false,
        };
        let mut start = None;
        let mut places = (from..at).rev();
        let ended = places.any(|place| {
            let byte = bytes[place];
            start = begins(place).then_some(place + 1);
            start.is_some() || byte <= b' ' || is_quote(byte) || matches!(byte, b'<' | b'>')
        });
        // The result for the previous `@` holds for this one too.
        if !ended && from > floor {
            start = known.and_then(|(_, start)| start);
        }
        self.memo.user = Some((at, start));
        start.filter(|start| *start >= floor)
    }

    /// Handles `user:password@tcp(host)`.
    pub(super) fn dsn(&mut self, at: usize) {
        let bytes = self.bytes;
        let of_user = |byte: u8| byte > b' ' && !b"\"'`=".contains(&byte);
        let start = start_while(bytes, at, 128.min(at - self.done), of_user);
        if let Some(colon) = bytes[start..at].iter().position(|byte| *byte == b':') {
            let value = start + colon + 1;
            if !bytes[value..at].starts_with(b"//") {
                self.add_secret(value, at);
            }
        }
    }

    /// Handles `123456789:AA…` with the colon at `at`.
    pub(super) fn telegram(&mut self, at: usize) {
        let bytes = self.bytes;
        let id = start_while(bytes, at, 12, |byte| byte.is_ascii_digit());
        let run = self.memo.runs.end(bytes, TABLE.word, at + 1);
        if (8..=11).contains(&(at - id)) && (33..=36).contains(&(run - at - 1)) {
            self.add_secret(id, run);
        }
    }

    /// Handles `abc1Q~…`.
    pub(super) fn azure(&mut self, start: usize, end: usize) {
        let bytes = self.bytes;
        let Some(head) = start.checked_sub(4).map(|head| &bytes[head..start]) else {
            return;
        };
        let run = self.memo.runs.end(bytes, TABLE.azure, end);
        let digit = head[3].is_ascii_digit() && head.iter().all(u8::is_ascii_alphanumeric);
        if digit && (31..=34).contains(&(run - end)) {
            self.add_secret(start - 4, run);
        }
    }
}

/// True if a secret may start here: not inside a word, except directly behind an escape.
fn is_boundary(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| bytes[before]) else {
        return true;
    };
    !(before.is_ascii_alphanumeric() || before == b'_') || escape_ends_at(bytes, at)
}

/// True for `://`, percent-encoded up to three times, whose last `f` is at `at`.
fn is_encoded_slashes(bytes: &[u8], at: usize) -> bool {
    let texts: [&[u8]; 3] = [b"%3a%2f%2f", b"%253a%252f%252f", b"%25253a%25252f%25252f"];
    let ends = |text: &&[u8]| {
        let start = (at + 1).checked_sub(text.len());
        start.is_some_and(|start| bytes[start..=at].eq_ignore_ascii_case(text))
    };
    bytes[at - 1] == b'2' && texts.iter().any(ends)
}

/// Differences of consecutive values of n · log2(n).
static STEPS: LazyLock<[f32; SAMPLE + 1]> = LazyLock::new(|| {
    let surplus = |n: usize| n as f32 * (n.max(1) as f32).log2();
    std::array::from_fn(|n| surplus(n + 1) - surplus(n))
});

/// True if the text has at least `bits` of entropy per character.
pub(super) fn is_random(text: &[u8], bits: f32) -> bool {
    if bits <= 0.0 {
        return true;
    }
    let sample = &text[..text.len().min(SAMPLE)];
    let mut counts = [0_u8; 128];
    let mut surplus = 0.0;
    for byte in sample {
        let count = &mut counts[usize::from(byte & 0x7f)];
        surplus += STEPS[usize::from(*count)];
        *count += 1;
    }
    let len = sample.len() as f32;
    len.log2() - surplus / len >= bits
}

/// True for lower-case words joined by dashes or underscores.
fn is_joined_words(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(SAMPLE)];
    let parts = |byte: &u8| matches!(byte, b'-' | b'_');
    sample
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || parts(byte))
        && sample.iter().any(parts)
}

/// True for three dotted parts, the second of six characters: a Discord bot token.
fn is_dotted(text: &[u8]) -> bool {
    let mut parts = text[..text.len().min(2 * SAMPLE)]
        .split(|byte| *byte == b'.')
        .map(<[u8]>::len);
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    first > Some(20) && second == Some(6) && third >= Some(27)
}

fn is_mixed(text: &[u8]) -> bool {
    let sample = &text[..text.len().min(SAMPLE)];
    let digits = sample.iter().filter(|byte| byte.is_ascii_digit()).count();
    digits > 0 && (digits * 5 >= sample.len() || sample.iter().any(u8::is_ascii_uppercase))
}

/// Distinguishes a token from a word: "bearer certificates" is not a secret.
fn is_token(token: &[u8]) -> bool {
    let of_word = |byte: &u8| byte.is_ascii_lowercase() || b".-".contains(byte);
    let of_constant = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    let capitalised = token.get(1..).is_none_or(|tail| tail.iter().all(of_word));
    let is_name = capitalised || token.iter().all(of_constant);
    token.len() >= 6 && !is_name && token.iter().any(u8::is_ascii_digit)
        || token.len() >= 24 && !token.iter().all(of_word)
}

/// True for the base64 encoding of `user:password`.
fn is_basic(token: &[u8]) -> bool {
    let (mut bits, mut count, mut has_colon) = (0_u32, 0, false);
    for byte in token.iter().take(256).take_while(|byte| **byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            let decoded = (bits >> count) as u8;
            if decoded < b' ' {
                return false;
            }
            has_colon |= decoded == b':';
            bits &= (1 << count) - 1;
        }
    }
    has_colon
}
