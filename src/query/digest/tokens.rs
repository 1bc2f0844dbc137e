//! How many tokens a text may be, without any model's tokenizer.

/// How many tokens a language model may make of a text: an estimate on the safe side, not a bound.
///
/// A token for every three letters of a word or part of them, for every digit, sign and line break, and for every byte
/// of what is not ASCII. A space belongs to the word after it. English has about four letters a token; letters that are
/// no words may take more than is estimated here.
///
/// # Examples
///
/// ```
/// use tower_activity::query::estimated_tokens;
///
/// assert_eq!(estimated_tokens("- 2026-02-18 09:30 · v3 live"), 22);
/// ```
pub fn estimated_tokens(text: &str) -> usize {
    let mut tokens = 0;
    let mut letters = 0;
    let mut after_space = false;
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            tokens += usize::from(letters % 3 == 0);
            letters += 1;
        } else {
            letters = 0;
            // Of several spaces only the last belongs to what follows.
            tokens += if c == ' ' && !after_space {
                0
            } else {
                c.len_utf8()
            };
        }
        after_space = c == ' ';
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_counts_words_by_letters_and_all_else_by_itself() {
        let check = |text: &str, expected| assert_eq!(estimated_tokens(text), expected, "{text}");
        check("", 0);
        check("### Recent activity", 8);
        check("to 3 people", 4);
        check("2026-02-18 09:30", 15);
        check("日本 é", 8);
        check("a  b", 3);
        check("one\ntwo\n", 4);
        check("x1x1", 4);
    }
}
