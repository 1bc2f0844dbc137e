//! Words of a row, for the index of words.
//!
//! The index splits the columns themselves. For texts in ASCII its words are those of [`append_words`]; a row with other texts also has
//! these, in a column of their own.

use serde_json::Value;

use crate::record::{ActivityRecord, EventRecord, Scope, append_words, json_texts};

/// What the index of activities is of, as it stands in the schema.
pub(super) const OF_ACTIVITY: &str = "lower(concat(name, ' ', ifNull(project, ''), ' ', ifNull(agent, ''), ' ', ifNull(actor, ''), ' ', ifNull(brand, ''), ' ', \
     ifNull(error_type, ''), ' ', ifNull(message, ''), ' ', ifNull(input, ''), ' ', ifNull(output, ''), ' ', attributes, ' ', words))";
/// The same for events.
pub(super) const OF_EVENT: &str = "lower(concat(type, ' ', ifNull(project, ''), ' ', ifNull(agent, ''), ' ', ifNull(actor, ''), ' ', ifNull(brand, ''), ' ', \
     ifNull(summary, ''), ' ', ifNull(reference, ''), ' ', ifNull(data, ''), ' ', words))";
/// The most bytes of a word that are compared: a longer one is another word in the index.
const MAX_WORD_BYTES: usize = 64;

/// Returns the words of an activity; none if the index has them of its columns.
pub(super) fn of_activity(one: &ActivityRecord, attributes: &str) -> String {
    let texts = [
        Some(one.name.as_str()),
        one.error_type.as_deref(),
        one.message.as_deref(),
        one.input.as_ref().map(|input| input.text.as_str()),
        one.output.as_ref().map(|output| output.text.as_str()),
    ];
    words(&one.scope, &texts, attributes, || {
        Some(Value::Object(one.attributes.clone()))
    })
}

/// The same for an event.
pub(super) fn of_event(one: &EventRecord, data: &str) -> String {
    let texts = [
        Some(one.event_type.as_str()),
        one.summary.as_deref(),
        one.reference.as_deref(),
    ];
    words(&one.scope, &texts, data, || one.data.clone())
}

fn words(
    scope: &Scope,
    texts: &[Option<&str>],
    json: &str,
    value: impl FnOnce() -> Option<Value>,
) -> String {
    let scopes = [&scope.project, &scope.agent, &scope.actor, &scope.brand];
    let scopes = scopes.map(|text| text.as_deref());
    let texts = || scopes.iter().chain(texts).flatten();
    let mut words = String::new();
    if is_plain(json) && texts().all(|text| is_plain(text)) {
        return words;
    }
    texts().for_each(|text| append_words(&mut words, text));
    if let Some(value) = value() {
        let mut texts = Vec::new();
        json_texts(&value, &mut texts);
        texts.iter().for_each(|text| append_words(&mut words, text));
    }
    words
}

/// True if the index splits a text into its words. JSON has escaped characters after backslashes.
fn is_plain(text: &str) -> bool {
    let mut word = 0;
    text.bytes().all(|byte| {
        word = if byte.is_ascii_alphanumeric() {
            word + 1
        } else {
            0
        };
        byte.is_ascii() && byte != b'\\' && word <= MAX_WORD_BYTES
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_splits_short_words_in_ascii() {
        let check = |text: &str, expected| assert_eq!(is_plain(text), expected, "{text}");
        check("", true);
        check("a_b-c {\"path\":\"/srv/Data\",\"rows\":12}", true);
        check(&"x".repeat(64), true);
        check(&"x".repeat(65), false);
        check("größe", false);
        check("{\"a\":\"b\\nc\"}", false);
    }

    #[test]
    fn the_schema_has_these_indexes() {
        let schema = include_str!("schema.sql");
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expression in [OF_ACTIVITY, OF_EVENT] {
            let index = format!("INDEX words {expression} TYPE text");
            assert!(line(schema).contains(&line(&index)), "{index}");
        }
    }
}
