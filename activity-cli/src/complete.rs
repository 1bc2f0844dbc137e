//! Values that a shell completes: fields of filters and their values, IDs and names in the store.

use std::{
    env,
    ffi::OsStr,
    time::{Duration, Instant},
};

use clap_complete::CompletionCandidate as Candidate;
use tower_activity::{
    Kind, Result, Status,
    notify::Webhooks,
    query::{ActivityReader, MetricsQuery, Window},
    record::{Field, Filter, Has, Is},
    store::Dimension,
};

use crate::{
    print::{human, safe, status::named},
    short_id, source,
    top_level::TopLevel,
};

/// A completion must not keep a prompt waiting.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most values from the store.
const MOST: usize = 50;
/// Fields that only activities have, and that only events have.
const OF_ACTIVITIES: [Field; 5] = [
    Field::Kind,
    Field::Name,
    Field::Error,
    Field::Fingerprint,
    Field::Duration,
];
const OF_EVENTS: [Field; 1] = [Field::Type];

pub(crate) fn activity_filter(typed: &OsStr) -> Vec<Candidate> {
    filter(typed, &OF_EVENTS)
}

pub(crate) fn event_filter(typed: &OsStr) -> Vec<Candidate> {
    filter(typed, &OF_ACTIVITIES)
}

/// Completes the last term of a filter.
fn filter(typed: &OsStr, without: &[Field]) -> Vec<Candidate> {
    let typed = typed.to_string_lossy();
    let at = typed.rfind(' ').map_or(0, |space| space + 1);
    let (before, term) = typed.split_at(at);
    let (sign, term) = match term.strip_prefix('-') {
        Some(term) => ("-", term),
        None => ("", term),
    };
    let Some((name, value)) = term.split_once(':') else {
        let fields = Field::ALL
            .into_iter()
            .filter(|field| !without.contains(field));
        let names = fields.map(|field| match field {
            Field::Attribute => format!("{}.", field.as_str()),
            field => format!("{}:", field.as_str()),
        });
        return starting_with(term, names)
            .map(|name| Candidate::new(format!("{before}{sign}{name}")))
            .collect();
    };
    let Some(field) = Field::from_name(name) else {
        return Vec::new();
    };
    let at = value.rfind(',').map_or(0, |comma| comma + 1);
    let (others, value) = value.split_at(at);
    starting_with(value, values(field).into_iter())
        .map(|value| Candidate::new(format!("{before}{sign}{name}:{others}{value}")))
        .collect()
}

/// Returns the values of a field: all that there are, some examples, or those in the store.
fn values(field: Field) -> Vec<String> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match field {
        Field::Status => texts(&Status::ALL.map(Status::as_str)),
        Field::Kind => texts(&Kind::ALL.map(Kind::as_str)),
        Field::Has => texts(&Has::ALL.map(Has::as_str)),
        Field::Is => texts(&Is::ALL.map(Is::as_str)),
        Field::Since => texts(&["1h", "24h", "7d", "30d", "today", "yesterday"]),
        Field::Until => texts(&["1h", "24h", "7d", "today", "yesterday"]),
        Field::Duration => texts(&["10ms..100ms", "100ms..1s", "1s..10s", "10s..1m"]),
        Field::Project => names(Dimension::Project),
        Field::Agent => names(Dimension::Agent),
        Field::Name => names(Dimension::Name),
        Field::Brand => names(Dimension::Brand),
        Field::Type => types().unwrap_or_default(),
        _ => Vec::new(),
    }
}

pub(crate) fn project(typed: &OsStr) -> Vec<Candidate> {
    names_starting_with(typed, Dimension::Project)
}

pub(crate) fn agent(typed: &OsStr) -> Vec<Candidate> {
    names_starting_with(typed, Dimension::Agent)
}

pub(crate) fn name(typed: &OsStr) -> Vec<Candidate> {
    names_starting_with(typed, Dimension::Name)
}

pub(crate) fn brand(typed: &OsStr) -> Vec<Candidate> {
    names_starting_with(typed, Dimension::Brand)
}

fn names_starting_with(typed: &OsStr, of: Dimension) -> Vec<Candidate> {
    plain_starting_with(typed, names(of))
}

fn plain_starting_with(typed: &OsStr, all: impl IntoIterator<Item = String>) -> Vec<Candidate> {
    let plain = all.into_iter().filter(|text| is_plain(text));
    let found = starting_with(&typed.to_string_lossy(), plain);
    found.map(Candidate::new).collect()
}

/// The fields that `--fields` selects, of activities and of events.
pub(crate) const ACTIVITY_FIELDS: [&str; 23] = [
    "id",
    "status",
    "age",
    "started",
    "ended",
    "duration",
    "inside",
    "kind",
    "name",
    "project",
    "agent",
    "brand",
    "actor",
    "environment",
    "session",
    "request",
    "error",
    "message",
    "parent",
    "root",
    "trace",
    "recording",
    "attr.",
];
pub(crate) const EVENT_FIELDS: [&str; 18] = [
    "id",
    "status",
    "age",
    "at",
    "type",
    "count",
    "project",
    "agent",
    "actor",
    "brand",
    "environment",
    "session",
    "request",
    "ref",
    "summary",
    "activity",
    "data",
    "attr.",
];

pub(crate) fn activity_field(typed: &OsStr) -> Vec<Candidate> {
    plain_starting_with(typed, ACTIVITY_FIELDS.map(str::to_owned))
}

pub(crate) fn event_field(typed: &OsStr) -> Vec<Candidate> {
    plain_starting_with(typed, EVENT_FIELDS.map(str::to_owned))
}

pub(crate) fn event_type(typed: &OsStr) -> Vec<Candidate> {
    plain_starting_with(typed, types().unwrap_or_default())
}

/// Completes the name of a token.
pub(crate) fn token(typed: &OsStr) -> Vec<Candidate> {
    let tokens = reader().and_then(|mut reader| reader.tokens().ok());
    let names = tokens.into_iter().flatten().map(|token| token.name);
    plain_starting_with(typed, names)
}

/// Completes the name of a webhook.
pub(crate) fn webhook(typed: &OsStr) -> Vec<Candidate> {
    let webhooks = || {
        // Opening webhooks would create a store.
        reader()?;
        Webhooks::open(source::path(&store()?).ok()?)
            .ok()?
            .list()
            .ok()
    };
    let names = webhooks().into_iter().flatten().map(|webhook| webhook.name);
    plain_starting_with(typed, names)
}

/// Completes the ID of one of the newest recordings.
pub(crate) fn recording_id(typed: &OsStr) -> Vec<Candidate> {
    let newest = reader().and_then(|mut reader| reader.newest_recordings(None, MOST).ok());
    let ids = newest.into_iter().flatten().map(|one| one.id.to_string());
    plain_starting_with(typed, ids)
}

/// Completes the ID of one of the newest activities.
pub(crate) fn activity_id(typed: &OsStr) -> Vec<Candidate> {
    let found = newest().unwrap_or_default().into_iter();
    let typed = typed.to_string_lossy();
    let found = found.filter(|(id, _)| id.starts_with(&*typed));
    found
        .map(|(id, help)| Candidate::new(id).help(Some(help.into())))
        .collect()
}

/// Returns the short IDs of the newest activities, and what they are.
fn newest() -> Result<Vec<(String, String)>> {
    let Some(mut reader) = reader() else {
        return Ok(Vec::new());
    };
    let (newest, _) = TopLevel::new(Filter::default()).page(&mut reader, None, MOST)?;
    let width = short_id::width(&mut reader, &newest)?;
    let now = reader.present()?;
    let described = newest.iter().map(|one| {
        let name = safe::line(&named(&one.name));
        let ago = human::ago(one.started_at, now);
        let id = one.id.to_string();
        (
            id[..width].to_owned(),
            format!("{name}, {}, {ago}", one.status),
        )
    });
    Ok(described.collect())
}

/// Returns the names in the store of the last 30 days, the most frequent first.
fn names(of: Dimension) -> Vec<String> {
    let Some(mut reader) = reader() else {
        return Vec::new();
    };
    let read = |reader: &mut ActivityReader| -> Result<Vec<String>> {
        let query = MetricsQuery::new(Window::Month, reader.present()?);
        let ranking = reader.ranking(of, &query)?.ranking;
        let names = ranking.into_iter().map(|one| one.id.as_str().to_owned());
        Ok(names.filter(|name| is_plain(name)).take(MOST).collect())
    };
    read(&mut reader).unwrap_or_default()
}

fn types() -> Result<Vec<String>> {
    let Some(mut reader) = reader() else {
        return Ok(Vec::new());
    };
    let query = MetricsQuery::new(Window::Month, reader.present()?);
    let types = reader.event_types(&query)?.types.into_iter();
    let types = types.map(|one| one.event_type.as_str().to_owned());
    Ok(types.filter(|name| is_plain(name)).take(MOST).collect())
}

/// Returns true if neither a shell nor a filter gives one of the characters a meaning.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "_.@/+-".contains(c))
        && !text.starts_with('-')
}

fn starting_with<I: Iterator<Item = String>>(
    typed: &str,
    all: I,
) -> impl Iterator<Item = String> + use<I> {
    let typed = typed.to_lowercase();
    all.filter(move |one| one.to_lowercase().starts_with(&typed))
}

/// Opens the store.
fn reader() -> Option<ActivityReader> {
    let mut reader = source::open(&store()?).ok()?;
    reader.options().deadline = Some(Instant::now() + PATIENCE);
    Some(reader)
}

/// Returns the store that the command line so far names.
fn store() -> Option<String> {
    let words = env::args_os().map(|word| word.to_string_lossy().into_owned());
    let mut words = words.skip_while(|word| word != "--");
    let mut named = None;
    while let Some(word) = words.next() {
        match word.strip_prefix("--store") {
            Some("") => named = words.next(),
            Some(path) => named = path.strip_prefix('=').map(str::to_owned),
            None => {}
        }
    }
    let store = source::named(named.as_deref()).ok()?;
    Some(store.unwrap_or_else(|| source::DEFAULT.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(candidates: &[Candidate]) -> Vec<String> {
        let texts = candidates
            .iter()
            .map(|one| one.get_value().to_string_lossy());
        texts.map(std::borrow::Cow::into_owned).collect()
    }

    #[test]
    fn fields_and_values_of_the_last_term_are_completed() {
        let check = |typed: &str, expected: &[&str]| {
            assert_eq!(
                texts(&activity_filter(OsStr::new(typed))),
                expected,
                "{typed}"
            );
        };
        check("stat", &["status:"]);
        check("att", &["attr."]);
        check("ty", &[]);
        check("status:f", &["status:failed"]);
        check("status:failed,ca", &["status:failed,cancelled"]);
        check("kind:tool -has:in", &["kind:tool -has:input"]);
        check("unknown:", &[]);
        assert_eq!(texts(&event_filter(OsStr::new("ty"))), ["type:"]);
    }
}
