//! Redaction of one text: a glance, then only the passes that can find something.

use std::borrow::Cow;

use crate::redact::{REDACTED, Rules, cards, pairs, percent, shapes};

/// How far the end of a URL's user and password is looked for, in bytes.
const LONGEST_USER_INFO: usize = 1_024;

/// What a text shows at a glance.
#[derive(Debug, Default)]
struct Glance {
    pairs: bool,
    user_info: bool,
    shapes: bool,
    cards: bool,
    percent: bool,
}

/// Redacts a text by the standard rules; borrows it where nothing was found.
pub(super) fn redact<'a>(rules: &Rules, text: &'a str) -> Cow<'a, str> {
    let mut clean = Cow::Borrowed(text);
    let mut glance = glance(text);
    if rules.off {
        glance = Glance {
            pairs: glance.pairs && !rules.keys.is_empty(),
            ..Glance::default()
        };
    }
    passes(rules, &mut clean, &glance);
    if glance.percent && encoded(rules, &mut clean) {
        // What was decoded may be the key or the value of what stands beside it.
        let glance = self::glance(&clean);
        passes(rules, &mut clean, &glance);
    }
    clean
}

fn passes(rules: &Rules, clean: &mut Cow<'_, str>, glance: &Glance) {
    if glance.user_info {
        replace(clean, user_info);
    }
    if glance.pairs {
        replace(clean, |text, from| pairs::find(rules, text, from));
    }
    if glance.shapes {
        replace(clean, |text, from| {
            (from..text.len())
                .filter(|at| begins_word(text.as_bytes(), *at))
                .find_map(|at| shapes::find(text, at))
        });
    }
    if glance.cards {
        replace(clean, cards::find);
    }
}

/// Puts the mark where `find` finds a secret, from left to right.
pub(super) fn replace(
    text: &mut Cow<'_, str>,
    find: impl Fn(&str, usize) -> Option<(usize, usize)>,
) {
    let mut out = String::new();
    let mut done = 0;
    while let Some((start, end)) = find(text, done) {
        out.push_str(&text[done..start]);
        out.push_str(REDACTED);
        done = end;
    }
    if done > 0 {
        out.push_str(&text[done..]);
        *text = Cow::Owned(out);
    }
}

/// Looks into what is percent-encoded. A word that holds a secret is kept decoded. True when one did.
fn encoded(rules: &Rules, text: &mut Cow<'_, str>) -> bool {
    let redact = |inner: &str| {
        let mut clean = Cow::Borrowed(inner);
        passes(rules, &mut clean, &glance(inner));
        match clean {
            Cow::Owned(clean) => Some(clean),
            Cow::Borrowed(_) => None,
        }
    };
    let mut out = String::new();
    let mut done = 0;
    let mut changed = false;
    while let Some((start, end)) = percent::find(text, done) {
        out.push_str(&text[done..start]);
        match percent::redacted(&text[start..end], redact, REDACTED) {
            Some(clean) => {
                changed = true;
                out.push_str(&clean);
            }
            None => out.push_str(&text[start..end]),
        }
        done = end;
    }
    if changed {
        out.push_str(&text[done..]);
        *text = Cow::Owned(out);
    }
    changed
}

/// `scheme://user:password@`: the first at or after `from`.
///
/// A password may hold `@`, and where there is one also `/`, `?` and `#`, though it should not.
fn user_info(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut from = from;
    loop {
        let start = from + text[from..].find("://")? + 3;
        let rest = &text[start..text.floor_char_boundary(start + LONGEST_USER_INFO)];
        let word = rest
            .find(|c: char| c.is_whitespace() || "\"'`<>".contains(c))
            .unwrap_or(rest.len());
        let authority = rest[..word].find(['/', '?', '#']).unwrap_or(word);
        let has_password = rest[..authority].split_once(':').is_some_and(|(_, port)| {
            !rest[..authority].contains('@') && !port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let within = if has_password && !rest.starts_with('[') {
            word
        } else {
            authority
        };
        match rest[..within].rfind('@') {
            Some(length) if length > 0 && &rest[..length] != REDACTED => {
                return Some((start, start + length));
            }
            _ => from = start,
        }
    }
}

fn glance(text: &str) -> Glance {
    let mut seen = Glance::default();
    let mut digits = 0_usize;
    let mut before = b' ';
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'=' | b':' | b'>' => seen.pairs = true,
            b',' => seen.pairs |= matches!(before, b'"' | b'\'' | b'`'),
            b'@' => seen.user_info = true,
            b'%' => seen.percent = true,
            b'-' => {
                seen.pairs |= before == b'-';
                seen.shapes |= before == b'-';
            }
            // The first bytes of what `shapes` knows.
            b'A' | b'S' | b'B' | b'b' | b'd' | b'e' | b'g' | b'h' | b'n' | b'p' | b'r' | b's'
            | b'w' | b'x' | b'y'
                if !seen.shapes && !is_of_word(before) =>
            {
                seen.shapes = shapes::is_likely(&bytes[at..]);
            }
            _ => {}
        }
        before = byte;
    }
    seen.cards = digits >= 13;
    seen
}

fn begins_word(bytes: &[u8], at: usize) -> bool {
    at == 0 || !is_of_word(bytes[at - 1])
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
