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
        like::escaped,
        postgres::terms::MANY_WORDS,
        terms::{MANY_ATTRIBUTES, REQUEST, SESSION, attribute_term, text_term},
    },
};

/// The expression of the index.
const TERMS: &str = "array_to_tsvector(string_to_array(a.terms, ' ')) @@ ";
/// A value with more texts is not searched for by its words.
const MAX_TEXTS: usize = 16;

/// Terms that every record has that a filter matches. Others may have them, too.
#[derive(Debug, Clone)]
pub(super) enum Search {
    Term(String),
    /// A term that begins so.
    Prefix(String),
    All(Vec<Search>),
    Any(Vec<Search>),
}

impl Search {
    /// `None` if the index does not help with this filter, or the table has none.
    pub(super) fn new(filter: &Filter, table: Table, dictionary: &Dictionary) -> Option<Self> {
        if table == Table::Open {
            return None;
        }
        let mut all = Vec::new();
        add(&mut all, filter, table, dictionary);
        // A row with more words than are indexed is compared.
        let many = Search::Term(MANY_WORDS.to_owned());
        (!all.is_empty()).then(|| Search::Any(vec![Search::All(all), many]))
    }

    /// Adds the condition that the index answers.
    pub(super) fn add_to(&self, clause: &mut Where) {
        let parameter = clause.bind(self.query(), Type::TEXT);
        clause.and(&[TERMS, &parameter, "::text::tsquery"].concat());
    }

    /// Adds the same condition for rows that are read one by one: quicker than to build what the index has of each.
    pub(super) fn add_comparison_to(&self, clause: &mut Where) {
        let comparison = self.comparison(clause);
        clause.and(&comparison);
    }

    /// Returns it as a text search query.
    fn query(&self) -> String {
        let joined = |each: &[Search], operator| {
            let each: Vec<_> = each.iter().map(Search::query).collect();
            format!("({})", each.join(operator))
        };
        match self {
            Search::Term(term) => quoted(term),
            Search::Prefix(term) => format!("{}:*", quoted(term)),
            Search::All(all) => joined(all, " & "),
            Search::Any(any) => joined(any, " | "),
        }
    }

    fn comparison(&self, clause: &mut Where) -> String {
        let mut joined = |each: &[Search], operator| {
            let each: Vec<_> = each.iter().map(|one| one.comparison(clause)).collect();
            format!("({})", each.join(operator))
        };
        let like = match self {
            Search::All(all) => return joined(all, " AND "),
            Search::Any(any) => return joined(any, " OR "),
            Search::Term(term) => format!("% {} %", escaped(term)),
            Search::Prefix(term) => format!("% {}%", escaped(term)),
        };
        let parameter = clause.bind(like, Type::TEXT);
        format!("' ' || a.terms || ' ' LIKE {parameter}")
    }
}

fn add(all: &mut Vec<Search>, filter: &Filter, table: Table, dictionary: &Dictionary) {
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
            Some(Search::Term(text_term(kind, pattern.as_text()?)))
        }));
    }
    for (key, values) in filter.attribute_terms() {
        let values = values.iter().map(|value| attribute_term(key, value));
        let terms = std::iter::once(MANY_ATTRIBUTES.to_owned()).chain(values);
        all.push(Search::Any(terms.map(Search::Term).collect()));
    }
    if let Some(and) = &filter.and {
        add(all, and, table, dictionary);
    }
}

/// The words of all texts that a pattern matches; `None` if they are many, or one has no words.
fn known_words(dictionary: &Dictionary, pattern: &Pattern) -> Option<Search> {
    let texts = dictionary.texts(pattern)?;
    if texts.is_empty() || texts.len() > MAX_TEXTS {
        return None;
    }
    let each: Option<_> = texts.iter().map(|(_, text)| words(text)).collect();
    each.map(Search::Any)
}

/// The terms of one of several texts; `None` without alternatives, or if one of them has none.
fn one_of(choice: &Choice<Pattern>, terms: impl Fn(&Pattern) -> Option<Search>) -> Option<Search> {
    let each: Option<Vec<_>> = choice.any_of.iter().map(terms).collect();
    each.filter(|each| !each.is_empty()).map(Search::Any)
}

/// The words of a text; `None` if it has none.
fn words(text: &str) -> Option<Search> {
    let Needle::Phrase(phrase) = Needle::new(text) else {
        return None;
    };
    let words: BTreeSet<&str> = phrase.split_whitespace().collect();
    let last = phrase.rsplit(' ').next().unwrap_or_default();
    // Without a space at its end, the last word is a prefix.
    let words = words.into_iter().map(|word| match word == last {
        true => Search::Prefix(word.to_owned()),
        false => Search::Term(word.to_owned()),
    });
    Some(Search::All(words.collect()))
}

/// A lexeme as text search queries are written.
fn quoted(term: &str) -> String {
    format!("'{}'", term.replace('\\', "\\\\").replace('\'', "''"))
}
