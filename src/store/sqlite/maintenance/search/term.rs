//! Terms of the index that are not words: they begin with `=`, which words do not contain.

use crate::record::{fold, normalize_words};

/// Kinds of terms for scopes that are dictionary texts, which are followed by the text's number.
pub(crate) const PROJECT: char = 'p';
pub(crate) const AGENT: char = 'g';
pub(crate) const ACTOR: char = 'a';
pub(crate) const BRAND: char = 'b';
/// Kinds of terms for the other scopes, which are followed by the text as one word.
pub(crate) const SESSION: char = 's';
pub(crate) const REQUEST: char = 'r';

/// The most bytes of a text in a term.
const MAX_BYTES: usize = 64;

/// The term of a scope that is a dictionary text.
pub(crate) fn dictionary_term(kind: char, number: i64) -> String {
    format!("={kind}{number}")
}

/// The term of any other scope, which different texts may share, and texts that differ in case do.
pub(crate) fn text_term(kind: char, text: &str) -> String {
    let mut word = normalize_words(&fold(text));
    word.retain(|c| c != ' ');
    word.truncate(word.floor_char_boundary(MAX_BYTES));
    format!("={kind}{word}")
}
