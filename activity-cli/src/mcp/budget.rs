//! Token budgets of answers.

use tower_activity::{Error, ErrorKind, Result, query::TokenBudget};

/// Default budget of an answer, in tokens.
pub(super) const DEFAULT: u32 = 1_000;
/// Maximum budget, in tokens: longer answers crowd out the question.
const MAX: u32 = 10_000;

/// The token budget of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget(u32);

impl Budget {
    pub(super) fn new(tokens: u32) -> Self {
        Budget(tokens.min(MAX))
    }

    /// Returns the longest text that fits, made of at most `parts` parts.
    ///
    /// # Errors
    ///
    /// If not even the text without any part fits.
    pub(super) fn fit(self, parts: usize, text: impl Fn(usize) -> String) -> Result<String> {
        let tokens = usize::try_from(self.0).unwrap_or(usize::MAX);
        let text = TokenBudget::new(tokens).fit(parts, text);
        text.ok_or_else(|| {
            let what = format!("cannot fit an answer into {tokens} tokens: use {DEFAULT}");
            Error::new(ErrorKind::Invalid, what)
        })
    }
}
