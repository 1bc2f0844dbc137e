//! What is searched for.

use std::borrow::Cow;

use super::{Writer, normalize_words, searched};

/// A text of a filter, ready to be searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Needle<'a> {
    /// Words in a row, as [`normalize_words`] writes them. Without a space at its end the last one is a prefix.
    Phrase(Cow<'a, str>),
    /// A text without any word, such as `"..."`: searched for as it is.
    Literal(Cow<'a, str>),
}

impl<'a> Needle<'a> {
    /// Reads a text of a filter: the last of its words may be a prefix (`no such us*`).
    pub(crate) fn new(text: &'a str) -> Self {
        let prefix = text.strip_suffix('*');
        let mut words = String::from(" ");
        let mut writer = Writer::new(&mut words);
        writer.write(searched(prefix.unwrap_or(text)));
        if prefix.is_none() {
            writer.separate();
        }
        match words.len() > 1 {
            true => Needle::Phrase(Cow::Owned(words)),
            false => Needle::Literal(Cow::Borrowed(text)),
        }
    }

    /// The form in which it is bound to SQL: a phrase begins with a space.
    pub(crate) fn to_sql(&self) -> String {
        match self {
            Needle::Phrase(phrase) => phrase.to_string(),
            Needle::Literal(text) => format!("={text}"),
        }
    }

    /// Reads the form in which it is bound to SQL.
    pub(crate) fn from_sql(text: &'a str) -> Self {
        match text.strip_prefix('=') {
            Some(text) => Needle::Literal(Cow::Borrowed(text)),
            None => Needle::Phrase(Cow::Borrowed(text)),
        }
    }

    /// Returns true if it is found in the text.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        match self {
            Needle::Phrase(phrase) => normalize_words(text).contains(&**phrase),
            Needle::Literal(literal) => contains_literal(text, literal),
        }
    }
}

/// Returns true if the searched part of a text contains another one as it is. An empty text is found nowhere.
pub(crate) fn contains_literal(text: &str, literal: &str) -> bool {
    !literal.is_empty() && searched(text).contains(literal)
}
