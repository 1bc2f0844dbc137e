//! Texts without regard to case.

use std::borrow::Cow;

/// Returns the text in one case: two texts that differ only in the case of letters are the same afterwards.
///
/// Each character is replaced on its own, by the lower case of its upper case, by Unicode's full mappings: `STRASSE` is
/// `straße`, a final sigma is a sigma, and the Kelvin sign is a `k`. `İ` is an `i` with a dot above, which is not `i`.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_folded) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii() {
            true => folded.push(c.to_ascii_lowercase()),
            // Lower case first: `ẞ` is its own upper case, and that of `ß` is `SS`.
            false => folded.extend(
                c.to_lowercase()
                    .flat_map(char::to_uppercase)
                    .flat_map(char::to_lowercase),
            ),
        }
    }
    Cow::Owned(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_different_case_are_the_same() {
        let check = |a: &str, b: &str, same: bool| assert_eq!(fold(a) == fold(b), same, "{a} {b}");
        check("netflix", "NETFLIX", true);
        check("Zoë", "ZOË", true);
        check("straße", "STRASSE", true);
        check("straße", "STRAẞE", true);
        check("ΟΔΟΣ", "οδος", true);
        check("\u{212a}", "k", true);
        check("İ", "i\u{307}", true);
        check("İ", "i", false);
        check("a", "ä", false);
        check("日本", "日本", true);
    }

    #[test]
    fn no_letter_of_unicode_keeps_its_case() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let folded = fold(&String::from(c)).into_owned();
            let upper: String = c.to_uppercase().collect();
            let lower: String = c.to_lowercase().collect();
            assert_eq!(fold(&upper), folded, "{c:?}");
            assert_eq!(fold(&lower), folded, "{c:?}");
            assert_eq!(fold(&folded), folded, "{c:?}");
        }
    }
}
