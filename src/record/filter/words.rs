//! Words of texts: one definition for the index and for searches without it.

/// The most bytes of a text that are searched: payloads may be long.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// The most bytes of a word that are compared.
const MAX_WORD_BYTES: usize = 64;

/// Returns the words of a text, runs of letters and digits in lower case, with a space before and after each.
pub(crate) fn normalize_words(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    let mut words = String::with_capacity(text.len() + 2);
    words.push(' ');
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let word = &word[..word.floor_char_boundary(MAX_WORD_BYTES)];
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

/// Returns the phrase to search in a text's [words](normalize_words): the words of a filter's text in a row, the last of which
/// may be a prefix (`no such us*`). `None` if there is no letter and no digit to search for.
pub(crate) fn search_phrase(word: &str) -> Option<String> {
    let mut words = normalize_words(word);
    let is_prefix = word
        .strip_suffix('*')
        .is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
    if is_prefix {
        words.pop();
    }
    (words.len() > 1).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_in_a_row_in_any_case() {
        let check = |text: &str, word: &str, expected: bool| {
            let found = search_phrase(word).map(|word| normalize_words(text).contains(&word));
            assert_eq!(found, Some(expected), "{word} in {text}");
        };
        check("No such User", "user", true);
        check("No such User", "use", false);
        check("No such User", "use*", true);
        check("No such User", "ser*", false);
        check("No such User", "SUCH user", true);
        check("No such User", "such us*", true);
        check("No such User", "no user", false);
        check("netflix_login", "login", true);
        check("GET /users/{id}", "users/{id}", true);
        check("ÜBER uns", "über", true);
        check("at 12:30", "12:30", true);
        check("", "x", false);
        check(&"ab ".repeat(10_000), "ab ab", true);
        check(&format!("{} end", "ab ".repeat(10_000)), "end", false);
        check(&"x".repeat(100), &"x".repeat(70), true);
    }

    #[test]
    fn a_text_without_a_letter_or_a_digit_has_no_phrase() {
        for word in ["", "*", "-", "§ *"] {
            assert_eq!(search_phrase(word), None, "{word}");
        }
    }
}
