//! Compiles a filter to a WHERE clause: constant pieces of SQL, and the values bound to them.

use std::ops::Bound;

use rusqlite::types::Value;
use serde::Serialize;

use crate::{
    record::{ActivityId, Choice, DurationRange, Filter, Has, Is, Needle, Pattern, Status, Words},
    store::{codes::Code, sqlite::columns::signed},
};

/// The table that the clause is for, under the alias `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// `activity`: ended activities.
    Ended,
    /// `open`, with `status` derived from the instance.
    Open,
}

/// Conditions joined by `AND`, and the values of their parameters, in order.
#[derive(Debug)]
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// Which values are the bounds of ids. There is one of each: of several, SQLite looks up the first in an index, and
    /// compares the others with every row.
    since: Option<usize>,
    before: Option<usize>,
}

/// The conditions on a column that is a text or a `text.id`.
struct Column {
    /// For one text.
    exact: &'static str,
    /// For a pattern that matches several texts.
    pattern: &'static str,
}

const NAME: Column = Column {
    exact: "a.name = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.name IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const TYPE: Column = Column {
    exact: "a.type = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.type IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const AGENT: Column = Column {
    exact: "a.agent = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.agent IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const ACTOR: Column = Column {
    exact: "a.actor = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.actor IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
/// Several or excluded actors of events. The plus avoids the index, which would sort by actor.
const ACTORS: Column = Column {
    exact: "+a.actor = (SELECT id FROM text WHERE value = ?)",
    pattern: "+a.actor IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const BRAND: Column = Column {
    exact: "a.brand = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.brand IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const ENVIRONMENT: Column = Column {
    exact: "a.environment = (SELECT id FROM text WHERE value = ?)",
    pattern: "a.environment IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
/// Exactly one project: uses the index on (project, id), which is in the list's order.
const ONE_PROJECT: &str = "a.project = (SELECT id FROM text WHERE value = ?)";
/// Several or excluded projects. The plus avoids the index, which would sort by project.
const PROJECT: Column = Column {
    exact: "+a.project = (SELECT id FROM text WHERE value = ?)",
    pattern: "+a.project IN (SELECT id FROM text WHERE activity_matches(value, ?))",
};
const SESSION: Column = Column {
    exact: "a.session = ?",
    pattern: "activity_matches(a.session, ?)",
};
const REQUEST: Column = Column {
    exact: "a.request = ?",
    pattern: "activity_matches(a.request, ?)",
};
const ERROR: Column = Column {
    exact: "a.error_type = ?",
    pattern: "activity_matches(a.error_type, ?)",
};
/// The condition on the fingerprint of an ended activity.
const FINGERPRINT: &str = "(a.status = 2 AND activity_fingerprint(\
     (SELECT value FROM text WHERE id = a.name), a.error_type, a.message) = ?)";
const STATUS: &str = "a.status = ?";
/// Exactly one status other than success: uses the index on (status, id), which is in the list's order.
const UNSUCCESSFUL: &str = "(a.status > 1 AND a.status = ?)";
const FAILED: &str = "(a.status > 1 AND a.status = 2)";
const KIND: &str = "a.kind = (SELECT id FROM text WHERE value = ?)";
const ATTRIBUTES: &str = "activity_has_attributes(a.attributes, ?)";
const DATA: &str = "activity_has_attributes(a.data, ?)";
const SINCE: &str = "a.id >= ?";
const BEFORE: &str = "a.id < ?";
const AFTER: &str = "a.id > ?";
/// The condition on one word, which is bound to each of its parameters. The second argument is JSON, the others are texts.
const WORD: &str = "(activity_has_word(?, a.attributes, (SELECT value FROM text WHERE id = a.name), a.message, a.error_type, \
     (SELECT value FROM text WHERE id = a.project), (SELECT value FROM text WHERE id = a.agent), \
     (SELECT value FROM text WHERE id = a.actor), (SELECT value FROM text WHERE id = a.brand)) \
     OR EXISTS (SELECT 1 FROM preview WHERE activity = a.seq AND activity_has_word(?, NULL, input, output)))";
const OPEN_WORD: &str = "activity_has_word(?, a.attributes, (SELECT value FROM text WHERE id = a.name), a.input, \
     (SELECT value FROM text WHERE id = a.project), (SELECT value FROM text WHERE id = a.agent), \
     (SELECT value FROM text WHERE id = a.actor), (SELECT value FROM text WHERE id = a.brand))";
const EVENT_WORD: &str = "activity_has_word(?, a.data, (SELECT value FROM text WHERE id = a.type), a.summary, a.reference, \
     (SELECT value FROM text WHERE id = a.project), (SELECT value FROM text WHERE id = a.agent), \
     (SELECT value FROM text WHERE id = a.actor), (SELECT value FROM text WHERE id = a.brand))";

impl Where {
    /// The conditions of a filter for activities.
    pub(super) fn for_activities(filter: &Filter, table: Table) -> Self {
        let mut clause = Where::everything();
        clause.activities(filter, table);
        clause
    }

    /// The conditions of a filter for events, also under the alias `a`.
    pub(super) fn for_events(filter: &Filter) -> Self {
        let mut clause = Where::everything();
        clause.events(filter);
        clause
    }

    fn everything() -> Self {
        Where {
            sql: String::from("TRUE"),
            values: Vec::new(),
            since: None,
            before: None,
        }
    }

    fn activities(&mut self, filter: &Filter, table: Table) {
        let is_one = filter.status.any_of.len() == 1;
        let status = |status: &Status| match status {
            // Each of several would be read through the index, and all of them sorted.
            Status::Cancelled | Status::Skipped | Status::Failed | Status::Abandoned if is_one => {
                (UNSUCCESSFUL, Some(status.code().into()))
            }
            status => (STATUS, Some(status.code().into())),
        };
        self.choice(&filter.status, status);
        self.choice(&filter.kind, |kind| (KIND, Some(text(kind.as_str()))));
        self.texts(&filter.name, &NAME);
        self.texts(&filter.actor, &ACTOR);
        self.scope(filter);
        self.texts(&filter.error, &ERROR);
        self.fingerprint(filter, table);
        if let Some(range) = &filter.duration {
            self.duration(range);
        }
        self.choice(&filter.has, |what| (has(*what, table), None));
        self.choice(&filter.is, |Is::Root| ("a.parent IS NULL", None));
        self.attributes(filter, ATTRIBUTES);
        let condition = match table {
            Table::Ended => WORD,
            Table::Open => OPEN_WORD,
        };
        self.words(&filter.words, condition);
        if let Some(nested) = &filter.and {
            self.activities(nested, table);
        }
    }

    fn events(&mut self, filter: &Filter) {
        self.choice(&filter.status, |status| {
            (STATUS, Some(status.code().into()))
        });
        match Pattern::only_exact(&filter.actor.any_of) {
            // Uses the index on (actor, id), which is in the list's order.
            Some(exact) => {
                self.and(ACTOR.exact, [text(exact)]);
                self.none_of(&filter.actor.none_of, |one| pattern(one, &ACTOR));
            }
            None => self.texts(&filter.actor, &ACTORS),
        }
        self.choice(&filter.event_type, |one| {
            pattern(&one.in_snake_case(), &TYPE)
        });
        self.scope(filter);
        self.choice(&filter.has, |what| match what {
            Has::Parent => ("+a.activity IS NOT NULL", None),
            Has::Actor => ("+a.actor IS NOT NULL", None),
            what => (has(*what, Table::Ended), None),
        });
        self.choice(&filter.is, |Is::Root| ("+a.activity IS NULL", None));
        self.attributes(filter, DATA);
        self.words(&filter.words, EVENT_WORD);
        if let Some(nested) = &filter.and {
            self.events(nested);
        }
    }

    /// Adds the conditions on scopes and times.
    fn scope(&mut self, filter: &Filter) {
        match Pattern::only_exact(&filter.project.any_of) {
            Some(exact) => {
                self.and(ONE_PROJECT, [text(exact)]);
                self.none_of(&filter.project.none_of, |one| pattern(one, &PROJECT));
            }
            None => self.texts(&filter.project, &PROJECT),
        }
        self.texts(&filter.agent, &AGENT);
        self.texts(&filter.brand, &BRAND);
        self.texts(&filter.environment, &ENVIRONMENT);
        self.texts(&filter.session, &SESSION);
        self.texts(&filter.request, &REQUEST);
        if let Some(since) = filter.since {
            self.since(ActivityId::lower_bound(since));
        }
        if let Some(until) = filter.until {
            self.before(ActivityId::lower_bound(until));
        }
    }

    /// Adds: ids from this one on.
    fn since(&mut self, bound: ActivityId) {
        match self.since.map(|at| &mut self.values[at]) {
            Some(value) if is_below(value, bound) => *value = id(bound),
            Some(_) => {}
            None => {
                self.since = Some(self.values.len());
                self.and(SINCE, [id(bound)]);
            }
        }
    }

    /// Adds: ids below this one.
    pub(super) fn before(&mut self, bound: ActivityId) {
        match self.before.map(|at| &mut self.values[at]) {
            Some(value) if is_below(value, bound) => {}
            Some(value) => *value = id(bound),
            None => {
                self.before = Some(self.values.len());
                self.and(BEFORE, [id(bound)]);
            }
        }
    }

    /// Adds: ids above this one.
    pub(super) fn after(&mut self, bound: ActivityId) {
        self.and(AFTER, [id(bound)]);
    }

    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }

    fn choice<T>(
        &mut self,
        choice: &Choice<T>,
        condition: impl Fn(&T) -> (&'static str, Option<Value>),
    ) {
        if !choice.any_of.is_empty() {
            self.sql.push_str(" AND ");
            self.one_of(&choice.any_of, &condition);
        }
        self.none_of(&choice.none_of, condition);
    }

    fn none_of<T>(&mut self, items: &[T], condition: impl Fn(&T) -> (&'static str, Option<Value>)) {
        if !items.is_empty() {
            self.sql.push_str(" AND ");
            self.one_of(items, condition);
            // NULL is not excluded.
            self.sql.push_str(" IS NOT TRUE");
        }
    }

    fn one_of<T>(&mut self, items: &[T], condition: impl Fn(&T) -> (&'static str, Option<Value>)) {
        self.sql.push('(');
        // In groups: SQLite limits the depth of expressions to 1,000.
        for (index, group) in items.chunks(64).enumerate() {
            self.sql.push_str(if index == 0 { "(" } else { " OR (" });
            for (index, item) in group.iter().enumerate() {
                self.sql.push_str(if index == 0 { "" } else { " OR " });
                let (condition, value) = condition(item);
                self.sql.push_str(condition);
                self.values.extend(value);
            }
            self.sql.push(')');
        }
        self.sql.push(')');
    }

    fn texts(&mut self, choice: &Choice<Pattern>, column: &Column) {
        self.choice(choice, |one| pattern(one, column));
    }

    fn fingerprint(&mut self, filter: &Filter, table: Table) {
        let choice = &filter.fingerprint;
        // Outside of the alternatives, so that SQLite can use the index of statuses.
        if !choice.any_of.is_empty() {
            self.and(FAILED, []);
        }
        self.choice(choice, |one| match table {
            Table::Ended => (FINGERPRINT, Some(one.number().into())),
            Table::Open => ("FALSE", None),
        });
    }

    fn attributes(&mut self, filter: &Filter, condition: &str) {
        if !filter.attributes.is_empty() {
            self.and(condition, [json(&filter.attributes)]);
        }
    }

    fn duration(&mut self, range: &DurationRange) {
        // SQLite's integers end at 292 years.
        let ns = |ns: u64| [Value::from(signed(ns))];
        match range.min_ns {
            Bound::Included(min) => self.and("a.duration_ns >= ?", ns(min)),
            Bound::Excluded(min) => self.and("a.duration_ns > ?", ns(min)),
            Bound::Unbounded => self.and("a.duration_ns IS NOT NULL", []),
        }
        match range.max_ns {
            Bound::Included(max) => self.and("a.duration_ns <= ?", ns(max)),
            Bound::Excluded(max) => self.and("a.duration_ns < ?", ns(max)),
            Bound::Unbounded => {}
        }
    }

    fn words(&mut self, words: &Words, condition: &str) {
        let bound = |word: &String| {
            let needle = Value::from(Needle::new(word).to_sql());
            let times = condition.bytes().filter(|byte| *byte == b'?').count();
            std::iter::repeat_n(needle, times)
        };
        for word in &words.all_of {
            self.and(condition, bound(word));
        }
        for word in &words.none_of {
            self.and(condition, bound(word));
            self.sql.push_str(" IS NOT TRUE");
        }
    }
}

fn has(what: Has, table: Table) -> &'static str {
    match (what, table) {
        (Has::Recording, _) => "EXISTS (SELECT 1 FROM link WHERE activity = a.id)",
        (Has::Output, Table::Open) => "FALSE",
        (Has::Error, _) => "a.error_type IS NOT NULL",
        (Has::Message, _) => "a.message IS NOT NULL",
        (Has::Input, Table::Open) => "a.input IS NOT NULL",
        (Has::Input, Table::Ended) => {
            "EXISTS (SELECT 1 FROM preview WHERE activity = a.seq AND input IS NOT NULL)"
        }
        (Has::Output, Table::Ended) => {
            "EXISTS (SELECT 1 FROM preview WHERE activity = a.seq AND output IS NOT NULL)"
        }
        (Has::Parent, _) => "a.parent IS NOT NULL",
        (Has::Duration, _) => "a.duration_ns IS NOT NULL",
        (Has::Project, _) => "+a.project IS NOT NULL",
        (Has::Agent, _) => "a.agent IS NOT NULL",
        (Has::Actor, _) => "a.actor IS NOT NULL",
        (Has::Brand, _) => "a.brand IS NOT NULL",
        (Has::Environment, _) => "a.environment IS NOT NULL",
        (Has::Session, _) => "a.session IS NOT NULL",
        (Has::Request, _) => "a.request IS NOT NULL",
    }
}

fn pattern(one: &Pattern, column: &Column) -> (&'static str, Option<Value>) {
    match one.as_exact() {
        Some(value) => (column.exact, Some(text(value))),
        None => (column.pattern, Some(json(one))),
    }
}

/// A condition as the SQL functions read it.
pub(super) fn json(condition: &impl Serialize) -> Value {
    let json = serde_json::to_string(condition);
    Value::from(json.expect("patterns and maps of texts have a JSON form"))
}

fn text(value: &str) -> Value {
    Value::from(value.to_owned())
}

fn is_below(value: &Value, bound: ActivityId) -> bool {
    matches!(value, Value::Blob(bytes) if bytes.as_slice() < bound.as_bytes().as_slice())
}

fn id(id: ActivityId) -> Value {
    Value::from(id.as_bytes().to_vec())
}
