//! Terms of the index that are not words: they begin with `=`, which words do not contain.

use crate::record::{fnv1a, fold, normalize_words};

/// Kinds of terms for scopes that are dictionary texts, which are followed by the text's number.
pub(crate) const PROJECT: char = 'p';
pub(crate) const AGENT: char = 'g';
pub(crate) const ACTOR: char = 'a';
pub(crate) const BRAND: char = 'b';
/// Kinds of terms for the other scopes, which are followed by the text as one word.
pub(crate) const SESSION: char = 's';
pub(crate) const REQUEST: char = 'r';

/// The kind of terms for attributes, which are followed by a hash of key and value.
const ATTRIBUTE: char = 'k';
/// The term of a row with more attributes than have terms of their own.
pub(crate) const MANY_ATTRIBUTES: &str = "=k";

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

/// The term of an attribute, which others may share: its values are many, and few of them are ever searched.
pub(crate) fn attribute_term(key: &str, value: &str) -> String {
    let hash = fnv1a(key.bytes().chain([0]).chain(value.bytes()));
    format!("={ATTRIBUTE}{:08x}", hash >> 32)
}
