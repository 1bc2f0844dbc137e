//! Answers that are no longer than a model has room for.

use tower_activity::{Error, ErrorKind, Result, query::TokenBudget};

/// How long an answer is at most where nothing else is said.
pub(super) const DEFAULT: u32 = 1_000;
/// How long any answer is at most: more than this crowds out what the model was asked.
const MOST: u32 = 10_000;

/// A number of tokens that an answer keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(u32);

impl Budget {
    pub(super) fn new(tokens: u32) -> Self {
        Budget(tokens.min(MOST))
    }

    /// The longest text that fits: made of as many parts as there is room for, of at most `parts`.
    pub(super) fn fit(self, parts: usize, text: impl Fn(usize) -> String) -> Result<String> {
        let tokens = usize::try_from(self.0).unwrap_or(usize::MAX);
        let fits = TokenBudget::new(tokens).fit(parts, text);
        fits.ok_or_else(|| {
            let what = format!("cannot fit an answer into {tokens} tokens: ask for {DEFAULT}");
            Error::new(ErrorKind::Invalid, what)
        })
    }
}
