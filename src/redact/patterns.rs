//! Secrets that are known by their looks, wherever they stand in a text.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

use crate::redact::REDACTED;

/// Texts shorter than this without `=`, `:` or `@` hold nothing that a rule could know.
const SHORTEST: usize = 13;

/// `scheme://user:password@`
static USER_INFO: LazyLock<Regex> =
    LazyLock::new(|| compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@]+@"));
/// Headers whose value is all of the line.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*[:=]\s*)([^\r\n]+)")
});
/// `key=value`, `key: value`, `"key":"value"`, a URL's query.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"([A-Za-z0-9_.%\-]+)(\\?["']?\s*[=:]\s*)(\\"(?:[^"\\]|\\[^"])*(?:\\")?|"(?:[^"\\]|\\.)*"?|'[^']*'?|\[redacted\]|[^\s&;,"'<>{}()\[\]]+)"#,
    )
});
/// `Bearer <token>`, `Basic <base64>`.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\b(bearer|basic)\s+([A-Za-z0-9._~+/=\-]{8,})"));
/// Keys that say by a prefix who gave them out, JSON web tokens, PEM private keys.
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"sk-[A-Za-z0-9_\-]{16,}",
        r"|[spr]k_(?:live|test)_[A-Za-z0-9]{10,}",
        r"|gh[pousr]_[A-Za-z0-9]{20,}",
        r"|github_pat_[A-Za-z0-9_]{20,}",
        r"|glpat-[A-Za-z0-9_\-]{16,}",
        r"|A[KS]IA[0-9A-Z]{16}",
        r"|AIza[A-Za-z0-9_\-]{30,}",
        r"|xox[a-z]-[A-Za-z0-9\-]{10,}",
        r"|npm_[A-Za-z0-9]{30,}",
        r"|hf_[A-Za-z0-9]{20,}",
        r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)?",
        r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    ))
});
/// 13 to 19 digits, in groups or not, beginning as payment cards do (so that times in microseconds survive).
static CARD: LazyLock<Regex> = LazyLock::new(|| compile(r"\b[2-6](?:[ -]?[0-9]){12,18}\b"));

/// Redacts a text; borrows it where nothing was found.
pub(super) fn redact<'a>(text: &'a str, is_secret: &dyn Fn(&str) -> bool) -> Cow<'a, str> {
    let telling = text.bytes().any(|byte| matches!(byte, b'=' | b':' | b'@'));
    if !telling && text.len() < SHORTEST {
        return Cow::Borrowed(text);
    }
    let mut clean = Cow::Borrowed(text);
    if telling {
        apply(&mut clean, &USER_INFO, |found| {
            format!("{}{REDACTED}@", &found[1])
        });
        apply(&mut clean, &HEADER, |found| {
            format!("{}{}{REDACTED}", &found[1], &found[2])
        });
        apply(&mut clean, &ASSIGNMENT, |found| {
            if is_secret(&percent_decoded(&found[1])) {
                format!("{}{}{}", &found[1], &found[2], quoted_like(&found[3]))
            } else {
                // The value may be an assignment itself: `url=https://..?token=..`, `query="password=.."`.
                let value = &found[3];
                let inner = if value.len() < found[0].len()
                    && value.bytes().any(|b| matches!(b, b'=' | b':'))
                {
                    redact(value, is_secret)
                } else {
                    Cow::Borrowed(value)
                };
                format!("{}{}{inner}", &found[1], &found[2])
            }
        });
    }
    apply(&mut clean, &SCHEME, |found| {
        if looks_random(&found[2]) {
            format!("{} {REDACTED}", &found[1])
        } else {
            found[0].to_owned()
        }
    });
    apply(&mut clean, &KNOWN, |_| REDACTED.to_owned());
    apply(&mut clean, &CARD, |found| {
        if is_card(&found[0]) {
            REDACTED.to_owned()
        } else {
            found[0].to_owned()
        }
    });
    clean
}

/// True when a number written out is a payment card's.
pub(super) fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    if !(13..=19).contains(&digits.len()) {
        return false;
    }
    // Luhn, ISO/IEC 7812-1 annex B.
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn apply(text: &mut Cow<'_, str>, pattern: &Regex, replace: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(clean) = pattern.replace_all(text, replace)
        && clean != **text
    {
        *text = Cow::Owned(clean);
    }
}

/// Keeps the quotes that a value stood in.
fn quoted_like(value: &str) -> String {
    for quote in ["\\\"", "\"", "'"] {
        if value.starts_with(quote) {
            return format!("{quote}{REDACTED}{quote}");
        }
    }
    REDACTED.to_owned()
}

/// Tells a token from a word: "bearer certificates" is no secret.
fn looks_random(token: &str) -> bool {
    token.len() >= 20
        || token
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'=')
}

fn percent_decoded(key: &str) -> Cow<'_, str> {
    if !key.contains('%') {
        return Cow::Borrowed(key);
    }
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the standard patterns are regular expressions")
}
