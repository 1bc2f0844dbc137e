//! Terms for scopes that are dictionary texts.

/// Kinds of terms, which are followed by the text's number.
pub(crate) const PROJECT: char = 'p';
pub(crate) const AGENT: char = 'g';
pub(crate) const ACTOR: char = 'a';
pub(crate) const BRAND: char = 'b';

/// The term of a scope that is a dictionary text.
pub(crate) fn dictionary_term(kind: char, number: i64) -> String {
    format!("={kind}{number}")
}
