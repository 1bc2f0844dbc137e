//! What a filter asks of the full-text index.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::{
    compile::{Table, Where},
    dictionary::Dictionary,
};
use crate::{
    record::{Choice, Filter, Needle, Pattern},
    store::{
        postgres::terms::MANY_WORDS,
        terms::{MANY_ATTRIBUTES, REQUEST, SESSION, attribute_term, text_term},
    },
};

/// The expression of the index.
const TERMS: &str = "array_to_tsvector(string_to_array(a.terms, ' ')) @@ ";
/// A value with more texts is not searched for by its words.
const MAX_TEXTS: usize = 16;

/// A text search query that finds every record that a filter matches, and maybe more.
#[derive(Debug, Clone)]
pub(super) struct Search(String);

impl Search {
    /// `None` if the index does not help with this filter, or the table has none.
    pub(super) fn new(filter: &Filter, table: Table, dictionary: &Dictionary) -> Option<Self> {
        if table == Table::Open {
            return None;
        }
        let mut all = Vec::new();
        add(&mut all, filter, table, dictionary);
        // A row with more words than are indexed is compared.
        let any = |all: String| Search(format!("({all}) | {}", quoted(MANY_WORDS)));
        (!all.is_empty()).then(|| any(all.join(" & ")))
    }

    /// Adds the condition.
    pub(super) fn add_to(&self, clause: &mut Where) {
        let parameter = clause.bind(self.0.clone(), Type::TEXT);
        clause.and(&[TERMS, &parameter, "::text::tsquery"].concat());
    }
}

fn add(all: &mut Vec<String>, filter: &Filter, table: Table, dictionary: &Dictionary) {
    all.extend(filter.words.all_of.iter().filter_map(|word| words(word)));
    let by_number = [&filter.name, &filter.agent, &filter.actor, &filter.brand];
    for choice in by_number {
        all.extend(one_of(choice, |pattern| known_words(dictionary, pattern)));
    }
    if table == Table::Events {
        all.extend(one_of(&filter.event_type, |pattern| {
            known_words(dictionary, &pattern.in_snake_case())
        }));
    }
    all.extend(one_of(&filter.error, |pattern| {
        let text = pattern.as_text();
        // Spellings in ASCII have the same words, but not all others: `ᾳ` and `ΑΙ` are the same text in any case, and not the
        // same word.
        words(text.filter(|text| pattern.as_exact().is_some() || text.is_ascii())?)
    }));
    for (kind, choice) in [(SESSION, &filter.session), (REQUEST, &filter.request)] {
        all.extend(one_of(choice, |pattern| {
            Some(quoted(&text_term(kind, pattern.as_text()?)))
        }));
    }
    for (key, values) in filter.attribute_terms() {
        let values = values.iter().map(|value| attribute_term(key, value));
        let terms = std::iter::once(MANY_ATTRIBUTES.to_owned()).chain(values);
        let terms: Vec<_> = terms.map(|term| quoted(&term)).collect();
        all.push(format!("({})", terms.join(" | ")));
    }
    if let Some(and) = &filter.and {
        add(all, and, table, dictionary);
    }
}

/// The words of all texts that a pattern matches; `None` if they are many, or one has no words.
fn known_words(dictionary: &Dictionary, pattern: &Pattern) -> Option<String> {
    let texts = dictionary.texts(pattern)?;
    if texts.is_empty() || texts.len() > MAX_TEXTS {
        return None;
    }
    let each: Option<Vec<_>> = texts.iter().map(|(_, text)| words(text)).collect();
    Some(format!("({})", each?.join(" | ")))
}

/// The expression for one of several texts; `None` without alternatives, or if one of them has none.
fn one_of(
    choice: &Choice<Pattern>,
    expression: impl Fn(&Pattern) -> Option<String>,
) -> Option<String> {
    let each: Option<Vec<_>> = choice.any_of.iter().map(expression).collect();
    let each = each?;
    (!each.is_empty()).then(|| format!("({})", each.join(" | ")))
}

/// The expression for the words of a text; `None` if it has no words.
fn words(text: &str) -> Option<String> {
    let Needle::Phrase(phrase) = Needle::new(text) else {
        return None;
    };
    let words: BTreeSet<&str> = phrase.split_whitespace().collect();
    let last = phrase.rsplit(' ').next().unwrap_or_default();
    // Without a space at its end, the last word is a prefix.
    let words = words.into_iter().map(|word| match word == last {
        true => format!("{}:*", quoted(word)),
        false => quoted(word),
    });
    Some(format!("({})", words.collect::<Vec<_>>().join(" & ")))
}

/// A lexeme as text search queries are written.
fn quoted(term: &str) -> String {
    format!("'{}'", term.replace('\\', "\\\\").replace('\'', "''"))
}
