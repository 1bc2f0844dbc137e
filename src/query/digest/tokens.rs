//! Token counts and token budgets.

/// A token budget for texts, as counted by [`count_tokens`].
///
/// # Examples
///
/// ```
/// use tower_activity::query::TokenBudget;
///
/// let lines = ["- one\n", "- two\n", "- three\n"];
/// let fits = TokenBudget::new(10).fit(lines.len(), |count| lines[..count].concat());
/// assert!(fits.is_some_and(|text| text.starts_with("- one\n")));
/// assert_eq!(TokenBudget::new(0).fit(0, |_| "not empty".into()), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget(usize);

impl TokenBudget {
    /// Returns a budget of this many tokens.
    pub fn new(tokens: usize) -> Self {
        TokenBudget(tokens)
    }

    /// Returns the longest text that fits, of the texts that `text` renders with 0 to `parts` parts. `None` if not even the one
    /// without parts fits.
    ///
    /// More parts must make a longer text; only the text with all parts, which leaves nothing out, may be shorter.
    pub fn fit(self, parts: usize, text: impl Fn(usize) -> String) -> Option<String> {
        let fitting = |count| Some(text(count)).filter(|text| count_tokens(text) <= self.0);
        if let Some(whole) = fitting(parts) {
            return Some(whole);
        }
        let mut found = fitting(0)?;
        let (mut fits, mut fails) = (0, parts);
        while fails - fits > 1 {
            let middle = fits.midpoint(fails);
            match fitting(middle) {
                Some(text) => (fits, found) = (middle, text),
                None => fails = middle,
            }
        }
        Some(found)
    }
}

/// Counts the tokens of a text.
///
/// With the feature `tokenizer` by `o200k_base`, the tokenizer of OpenAI's models since GPT-4o; other tokenizers give similar
/// counts. Without it by [`estimated_tokens`](super::estimated_tokens).
pub fn count_tokens(text: &str) -> usize {
    #[cfg(feature = "tokenizer")]
    return bpe_openai::o200k_base().count(text);
    #[cfg(not(feature = "tokenizer"))]
    super::estimated_tokens(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_that_fits_is_returned() {
        let check = |budget, parts, expected: Option<&str>| {
            // The whole has no last line, and is the shorter for it.
            let text = |count: usize| match parts - count {
                0 => "a ".repeat(count),
                _ => "a ".repeat(count) + "!",
            };
            let fits = TokenBudget::new(budget).fit(parts, text);
            assert_eq!(fits.as_deref(), expected, "{budget} {parts}");
        };
        check(0, 0, Some(""));
        check(0, 3, None);
        check(1, 3, Some("!"));
        check(9, 3, Some("a a a "));
        let text = |count: usize| "word ".repeat(count);
        let fits = TokenBudget::new(50).fit(1_000, text).unwrap();
        let next = fits.clone() + "word ";
        assert!(count_tokens(&fits) <= 50 && count_tokens(&next) > 50);
    }
}
