//! Words of texts: one definition for the index and for searches without it.

mod character;
mod needle;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::{Map, Value};
use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::decompose_compatible, is_nfc_quick,
};

use self::character::{Class, transliterate};
pub(crate) use self::needle::{Needle, contains_literal};

/// The version of this definition: which texts of a record are searched, and what their words are. A change raises it, and
/// a store that was indexed by another version is indexed anew.
pub(crate) const WORDS_VERSION: i64 = 2;

/// The most bytes of a text that are searched: payloads may be long.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// The most bytes of a word that are compared.
const MAX_WORD_BYTES: usize = 64;

/// Returns the part of a text that is searched.
fn searched(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

/// Returns the words of a text, with a space before and after each. Texts that Unicode calls compatible have the same words,
/// whatever their case and accents.
pub(crate) fn normalize_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len().min(MAX_TEXT_BYTES) + 2);
    words.push(' ');
    append_words(&mut words, text);
    words
}

/// Appends the words of a text, with a space after each.
pub(crate) fn append_words(words: &mut String, text: &str) {
    let mut writer = Writer::new(words);
    writer.write(searched(text));
    writer.separate();
}

/// Collects each key and each value of a JSON value, at any depth.
pub(crate) fn json_texts<'a>(value: &'a Value, texts: &mut Vec<Cow<'a, str>>) {
    match value {
        Value::Null => {}
        Value::Bool(value) => texts.push(if *value { "true" } else { "false" }.into()),
        Value::Number(number) => texts.push(number.to_string().into()),
        Value::String(string) => texts.push(string.into()),
        Value::Array(values) => values.iter().for_each(|value| json_texts(value, texts)),
        Value::Object(members) => json_object_texts(members, texts),
    }
}

/// Collects each key and each value of a JSON object, at any depth.
pub(crate) fn json_object_texts<'a>(
    members: &'a Map<String, Value>,
    texts: &mut Vec<Cow<'a, str>>,
) {
    for (key, value) in members {
        texts.push(key.into());
        json_texts(value, texts);
    }
}

/// Writes words, each followed by a space.
struct Writer<'a> {
    words: &'a mut String,
    /// Where the current word begins.
    start: usize,
    current: Current,
}

/// What the writer is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Current {
    Nothing,
    /// A word, which goes on with the next letter.
    Word,
    /// A character that is a word, with its marks.
    Character,
}

impl<'a> Writer<'a> {
    fn new(words: &'a mut String) -> Self {
        Writer {
            start: words.len(),
            words,
            current: Current::Nothing,
        }
    }

    fn write(&mut self, text: &str) {
        if text.is_ascii() {
            return text.chars().for_each(|c| self.push(c, Class::of_ascii(c)));
        }
        for c in composed(text).chars() {
            match Class::of_composed(c) {
                Some(class) => self.push(c, class),
                None => decompose_compatible(c, |c| self.push(c, Class::of_decomposed(c))),
            }
        }
    }

    fn push(&mut self, c: char, class: Class) {
        match class {
            Class::Separator => self.separate(),
            Class::Ignored => {}
            Class::Character => {
                self.separate();
                self.current = Current::Character;
                self.append(c);
            }
            Class::Mark => {
                if self.current == Current::Nothing {
                    self.current = Current::Word;
                }
                self.append(c);
            }
            Class::Letter => {
                if self.current != Current::Word {
                    self.separate();
                    self.current = Current::Word;
                }
                match c {
                    _ if c.is_ascii() => self.append(c.to_ascii_lowercase()),
                    _ => c.to_lowercase().for_each(|c| match transliterate(c) {
                        Some(letters) => letters.chars().for_each(|c| self.append(c)),
                        None => self.append(c),
                    }),
                }
            }
        }
    }

    fn append(&mut self, c: char) {
        if self.words.len() - self.start + c.len_utf8() <= MAX_WORD_BYTES {
            self.words.push(c);
        }
    }

    /// Ends the current word, if there is one.
    fn separate(&mut self) {
        if self.current != Current::Nothing {
            self.words.push(' ');
            self.start = self.words.len();
            self.current = Current::Nothing;
        }
    }
}

/// Returns the canonical composition, in which equivalent texts are equal.
fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}
