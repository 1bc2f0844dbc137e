//! Texts that hold no secret for sure: most names, paths and ids are told by one look at each byte.

use crate::redact::shapes;

/// Part of a word: what follows one begins none.
const WORD: u8 = 1;
const DIGIT: u8 = 2;
/// Where a word begins with it, a secret may.
const BEGINS: u8 = 4;
/// Two of them begin an option, or a block.
const DASH: u8 = 8;
/// Stands in or around what only the rules can tell.
const TELLING: u8 = 16;

/// The fewest digits of a card's number.
const CARD: usize = 13;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => WORD | DIGIT,
            first if shapes::begins(first) => WORD | BEGINS,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => WORD,
            b'-' => DASH,
            // Separators of keys and values; what may be JSON, encoded, escaped, or in quotes; a URL's user.
            b'=' | b':' | b'>' | b',' | b'@' | b'%' | b'{' | b'[' | b'"' | b'\'' | b'`' | b'\\' => {
                TELLING
            }
            _ => 0,
        };
        byte += 1;
    }
    classes
}

/// True when no standard rule, and no key, can find anything in the text.
pub(super) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut seen, mut before, mut digits) = (0, 0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        let class = CLASSES[usize::from(*byte)];
        // Two dashes tell, and nothing begins within a word.
        seen |= class | ((class & before & DASH) * (TELLING / DASH));
        if class & BEGINS != 0 && before & WORD == 0 && shapes::is_likely(&bytes[at..]) {
            return false;
        }
        digits += usize::from(class & DIGIT);
        before = class;
    }
    seen & TELLING == 0 && digits < CARD * usize::from(DIGIT)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::redact::Rules;

    #[test]
    fn names_paths_and_ids_are_plain_and_what_may_hold_a_secret_is_not() {
        for plain in [
            "",
            "/users/7/orders",
            "GET /tools/search",
            "curl/8.5.0",
            "5e551011-ab",
            "acme",
        ] {
            assert!(is_plain(plain), "{plain:?}");
        }
        for not in [
            "a=b",
            "a: b",
            "--password x",
            "<pin>1",
            "ann@host",
            "%70",
            "[1",
            "bearer x",
            "(sk-x",
            "4111 1111 1111 1111",
            "eyJ",
            "-----BEGIN",
        ] {
            assert!(!is_plain(not), "{not:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_found_in_what_is_plain(
            parts in prop::collection::vec(
                prop_oneof![
                    "\\PC{0,6}", "[0-9]{1,16}", "[ /._()-]", "(password|token|pin|basic|bearer|auth)",
                    "(sk|ghp|xox|eyJ|AKIA|hf|SG|npm|pypi|whsec|ya29)[-_.]?[A-Za-z0-9]{0,40}",
                ],
                0..8,
            )
        ) {
            let text = parts.concat();
            let rules = Rules { keys: vec![b"acme".to_vec()], ..Rules::default() };
            let found = rules.searched("", &text, 0);
            prop_assert!(!is_plain(&text) || matches!(found, Cow::Borrowed(_)), "{text:?} -> {found}");
        }
    }
}
