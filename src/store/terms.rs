//! Terms of a record in an index of words. Those that are not words begin with `=`, which words do not contain.

use serde_json::Value;

use crate::record::{append_words, attribute_terms, fnv1a, fold, json_texts, normalize_words};

/// Kinds of terms for scopes that are not in the dictionary, which are followed by the text as one word.
pub(crate) const SESSION: char = 's';
pub(crate) const REQUEST: char = 'r';
/// The kind of terms for attributes, which are followed by a hash of key and value.
const ATTRIBUTE: char = 'k';
/// The term of a row with more attributes than have terms of their own.
pub(crate) const MANY_ATTRIBUTES: &str = "=k";

/// The most bytes of a text in a term.
const MAX_BYTES: usize = 64;
/// The most attributes of a row that have terms of their own, each item of a list counted.
const MAX_ATTRIBUTES: usize = 128;

/// The term of a session or request, which different texts may share, and texts that differ in case do.
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

/// Appends the term of a session or request, with a space after it.
pub(crate) fn append_text_term(terms: &mut String, kind: char, text: &str) {
    terms.push_str(&text_term(kind, text));
    terms.push(' ');
}

/// Appends the words of a JSON value and the terms of its members, with a space after each.
pub(crate) fn append_json(terms: &mut String, json: &Value) {
    let mut texts = Vec::new();
    json_texts(json, &mut texts);
    texts.iter().for_each(|text| append_words(terms, text));
    let members = json.as_object().into_iter().flatten();
    let mut attributes = members.flat_map(|(key, value)| {
        let values = attribute_terms(value).into_iter();
        values.map(move |value| attribute_term(key, &value))
    });
    for term in attributes.by_ref().take(MAX_ATTRIBUTES) {
        terms.push_str(&term);
        terms.push(' ');
    }
    if attributes.next().is_some() {
        terms.push_str(MANY_ATTRIBUTES);
        terms.push(' ');
    }
}
