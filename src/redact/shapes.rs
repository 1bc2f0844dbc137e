//! Secrets that are known by their looks, wherever they stand in a text.

use std::sync::LazyLock;

use regex::Regex;

/// How the keys begin that say who gave them out, and the blocks and tokens with a form of their own.
const fn beginnings(first: u8) -> &'static [&'static str] {
    match first {
        b'-' => &["-----BEGIN "],
        b'A' => &["AGE-SECRET-KEY-", "AIza", "AKIA", "ASIA"],
        b'S' => &["SG."],
        b'd' => &["dop_v1_"],
        b'e' => &["eyJ"],
        b'g' => &[
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "gsk_",
        ],
        b'h' => &["hf_"],
        b'n' => &["npm_"],
        b'p' => &["pk_live_", "pk_test_", "pypi-"],
        b'r' => &["rk_live_", "rk_test_"],
        b's' => &["sk-", "sk_live_", "sk_test_", "shpat_"],
        b'w' => &["whsec_"],
        b'x' => &["xox", "xapp-"],
        b'y' => &["ya29."],
        _ => &[],
    }
}

/// The same, in full, from where they begin.
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        r"^(?:sk-[A-Za-z0-9_-]{16,}",
        r"|[prs]k_(?:live|test)_[A-Za-z0-9]{8,}",
        r"|whsec_[A-Za-z0-9+/=]{16,}",
        r"|gh[oprsu]_[A-Za-z0-9]{16,}",
        r"|github_pat_[A-Za-z0-9_]{16,}",
        r"|glpat-[A-Za-z0-9_.-]{16,}",
        r"|gsk_[A-Za-z0-9]{16,}",
        r"|hf_[A-Za-z0-9]{20,}",
        r"|npm_[A-Za-z0-9]{20,}",
        r"|pypi-[A-Za-z0-9_-]{20,}",
        r"|shpat_[A-Fa-f0-9]{16,}",
        r"|dop_v1_[a-f0-9]{32,}",
        r"|A(?:KIA|SIA)[A-Z0-9]{12,}",
        r"|AIza[A-Za-z0-9_-]{30,}",
        r"|ya29\.[A-Za-z0-9_-]{16,}",
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"|xox[a-z]-[A-Za-z0-9-]{8,}",
        r"|xapp-[A-Za-z0-9-]{16,}",
        r"|AGE-SECRET-KEY-1[A-Z0-9]{16,}",
        r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
        r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z))",
    );
    Regex::new(pattern).expect("the pattern of known secrets is a regular expression")
});

/// The shortest token after `Bearer` that may be a word's length, in bytes.
const WORD: usize = 20;

/// Finds the secret that begins at `at`, where a word begins: from where to where it is taken out.
pub(super) fn find(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = &text.as_bytes()[at..];
    match bytes.first()? {
        b'b' | b'B' => credentials(bytes).map(|(start, end)| (at + start, at + end)),
        // Within one run of its letters a token begins only once; looking at each dash would be quadratic.
        b'e' if at > 0 && text.as_bytes()[at - 1] == b'-' => None,
        _ if is_likely(bytes) => {
            let found = KNOWN.find(&text[at..])?;
            Some((at, at + found.end()))
        }
        _ => None,
    }
}

/// True when a secret may begin here.
pub(super) fn is_likely(bytes: &[u8]) -> bool {
    match bytes {
        [b'b' | b'B', b'e' | b'E' | b'a' | b'A', ..] => true,
        [first, rest @ ..] => beginnings(*first).iter().any(|beginning| {
            let beginning = beginning.as_bytes();
            // Mostly the second byte says that it is another word.
            rest.first() == beginning.get(1) && bytes.starts_with(beginning)
        }),
        [] => false,
    }
}

/// True for the bytes that a secret may begin with, but for a dash.
pub(super) const fn begins(first: u8) -> bool {
    first != b'-' && (matches!(first, b'b' | b'B') || !beginnings(first).is_empty())
}

/// `Bearer <token>` and `Basic <base64>`: where the credentials are.
fn credentials(bytes: &[u8]) -> Option<(usize, usize)> {
    let named = |name: &str| {
        bytes
            .get(..name.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
    };
    let name = ["bearer", "basic"].into_iter().find(|name| named(name))?;
    let blanks = bytes[name.len()..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    if blanks == 0 {
        return None;
    }
    let start = name.len() + blanks;
    let token = &bytes[start..];
    let length = token
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=%|".contains(byte))
        .count();
    let secret = match name {
        "basic" => is_basic(&token[..length]),
        _ => is_token(&token[..length]),
    };
    secret.then_some((start, start + length))
}

/// Tells a token from a word: "bearer certificates" is no secret.
fn is_token(token: &[u8]) -> bool {
    let word = token
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || b".-".contains(byte));
    token.len() >= WORD || (token.len() >= 6 && !word && !is_capitalised(token))
}

fn is_capitalised(token: &[u8]) -> bool {
    let tail = token.get(1..).unwrap_or_default();
    tail.iter()
        .all(|byte| byte.is_ascii_lowercase() || b".-".contains(byte))
}

/// True when it is base64 for `user:password`.
fn is_basic(token: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut parted = false;
    for byte in token.iter().take_while(|byte| **byte != b'=') {
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
            parted |= decoded == b':';
            bits &= (1 << count) - 1;
        }
    }
    parted
}
