//! How words are found in texts: said once, for the index and for whoever looks without it.

/// How much of a text is looked through, in bytes: payloads may be long.
const LONGEST_TEXT: usize = 16 << 10;
/// How much of a word counts, in bytes.
const LONGEST_WORD: usize = 64;

/// A text as its words: runs of letters and digits in lower case, with a blank before and after each.
pub(crate) fn normalize_words(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
    let mut words = String::with_capacity(text.len() + 2);
    words.push(' ');
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let word = &word[..word.floor_char_boundary(LONGEST_WORD)];
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

/// What is found in a text's [words](normalize_words) where a filter's word is: several words in a row, of which the last may be
/// only the beginning of one (`no such us*`). `None` where there is no letter and no digit to look for.
pub(crate) fn search_phrase(word: &str) -> Option<String> {
    let mut words = normalize_words(word);
    let is_open = word
        .strip_suffix('*')
        .is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
    if is_open {
        words.pop();
    }
    (words.len() > 1).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_in_a_row_and_whatever_their_case() {
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
    fn nothing_is_looked_for_without_a_letter_or_a_digit() {
        for word in ["", "*", "-", "§ *"] {
            assert_eq!(search_phrase(word), None, "{word}");
        }
    }
}
