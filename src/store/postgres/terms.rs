//! The terms of a row: words and attributes, separated by spaces.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    record::{ActivityRecord, EventRecord, Scope, Text, append_words},
    store::terms::{REQUEST, SESSION, append_json, append_text_term},
};

/// The most bytes of the terms of a row: the server's limit is a megabyte.
const MAX_BYTES: usize = 256 << 10;
/// The term of a row that has more words than are in the index: it has to be compared with every search.
pub(super) const MANY_WORDS: &str = "=w";

pub(super) fn of_activity(one: &ActivityRecord) -> String {
    let texts = [
        Some(one.name.as_str()),
        one.error_type.as_deref(),
        one.message.as_deref(),
        one.input.as_ref().map(|input| input.text.as_str()),
        one.output.as_ref().map(|output| output.text.as_str()),
    ];
    let attributes = Value::Object(one.attributes.clone());
    terms(&one.scope, &texts, Some(&attributes))
}

pub(super) fn of_event(one: &EventRecord) -> String {
    let texts = [
        Some(one.event_type.as_str()),
        one.summary.as_deref(),
        one.reference.as_deref(),
    ];
    terms(&one.scope, &texts, one.data.as_ref())
}

fn terms(scope: &Scope, texts: &[Option<&str>], json: Option<&Value>) -> String {
    let mut terms = String::new();
    let scopes = [&scope.project, &scope.agent, &scope.actor, &scope.brand];
    let scopes = scopes.map(|text| text.as_deref());
    let texts = scopes.into_iter().chain(texts.iter().copied());
    texts
        .flatten()
        .for_each(|text| append_words(&mut terms, text));
    let one = |kind, text: Option<&Text>, terms: &mut String| {
        if let Some(text) = text {
            append_text_term(terms, kind, text);
        }
    };
    one(SESSION, scope.session.as_ref(), &mut terms);
    one(REQUEST, scope.request.as_ref(), &mut terms);
    if let Some(json) = json {
        append_json(&mut terms, json);
    }
    // The server refuses empty ones, which two spaces would make.
    let distinct: BTreeSet<_> = terms.split(' ').filter(|term| !term.is_empty()).collect();
    let (mut all, mut bytes) = (Vec::with_capacity(distinct.len()), 0);
    for term in distinct {
        bytes += term.len() + 1;
        if bytes > MAX_BYTES {
            all.push(MANY_WORDS);
            break;
        }
        all.push(term);
    }
    all.join(" ")
}
