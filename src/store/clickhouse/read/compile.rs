//! Compiles a filter to the conditions of a statement.
//!
//! The conditions find every record that the filter matches. They may find others, too: [`Record::matches`] has the last word.
//!
//! [`Record::matches`]: crate::store::Record::matches

use std::ops::Bound;

use crate::{
    record::{
        ActivityId, Choice, DurationRange, Filter, Fingerprint, Has, Is, Kind, Needle, Pattern,
        Status,
    },
    store::{
        RecordKind,
        clickhouse::{
            client::{Parameter, Statement},
            rows::number,
            words,
        },
        codes::Code,
        like::escaped,
    },
};

/// Conditions joined by `AND`, and the values of their parameters.
#[derive(Debug, Clone)]
pub(super) struct Where {
    kind: RecordKind,
    /// The statement up to its conditions, and these.
    pub(super) statement: Statement,
    /// The number of parameters.
    count: usize,
    /// True if every row that they find matches the filter.
    pub(super) is_exact: bool,
}

impl Where {
    /// A statement whose conditions every row fulfils. `select` ends where they begin.
    pub(super) fn everything(select: &str, kind: RecordKind) -> Self {
        Where {
            kind,
            statement: Statement::new(format!("{select} WHERE true")),
            count: 0,
            is_exact: true,
        }
    }

    /// A statement with the conditions of a filter.
    pub(super) fn new(select: &str, kind: RecordKind, filter: &Filter) -> Self {
        let mut clause = Where::everything(select, kind);
        clause.filter(filter);
        clause
    }

    /// Finds each row once. In order of ids, duplicates are side by side and are skipped by who reads them, which is quicker.
    pub(super) fn once(mut self) -> Self {
        self.statement = self.statement.reading();
        self
    }

    pub(super) fn and(&mut self, condition: &str) {
        self.statement.push_sql(" AND ");
        self.statement.push_sql(condition);
    }

    /// Adds a value, and returns its parameter.
    pub(super) fn bind(&mut self, value: &(impl Parameter + ?Sized), of: &str) -> String {
        let name = format!("p{}", self.count);
        self.count += 1;
        let parameter = format!("{{{name}:{of}}}");
        self.statement.bind(name, value);
        parameter
    }

    /// Adds a condition that compares something with a value: `id >= `.
    pub(super) fn and_value(
        &mut self,
        condition: &str,
        value: &(impl Parameter + ?Sized),
        of: &str,
    ) {
        let parameter = self.bind(value, of);
        self.and(&[condition, &parameter].concat());
    }

    /// Adds the bounds of ids: from the first on, and below the second.
    pub(super) fn within(&mut self, (from, before): (Option<ActivityId>, Option<ActivityId>)) {
        for (condition, bound) in [("id >= ", from), ("id < ", before)] {
            if let Some(bound) = bound {
                self.and_value(condition, &number(bound.as_bytes()), "UInt128");
            }
        }
    }

    fn filter(&mut self, filter: &Filter) {
        self.status(&filter.status);
        match self.kind {
            RecordKind::Activities => self.of_activities(filter),
            RecordKind::Events => self.of_events(filter),
        }
        let scope = [
            (&filter.project, "project"),
            (&filter.agent, "agent"),
            (&filter.actor, "actor"),
            (&filter.brand, "brand"),
            (&filter.environment, "environment"),
            (&filter.session, "session"),
            (&filter.request, "request"),
        ];
        for (choice, column) in scope {
            self.texts(choice, column);
        }
        self.within((
            filter.since.map(ActivityId::first_since),
            filter.until.map(ActivityId::first_since),
        ));
        self.words(filter);
        self.is_exact &= filter.attributes.is_empty() && filter.words.is_empty();
        if let Some(and) = &filter.and {
            self.filter(and);
        }
    }

    fn of_activities(&mut self, filter: &Filter) {
        let kinds = |kinds: &[Kind]| -> Vec<String> {
            kinds.iter().map(|kind| kind.as_str().to_owned()).collect()
        };
        if !filter.kind.any_of.is_empty() {
            self.and_value("kind IN ", &kinds(&filter.kind.any_of)[..], "Array(String)");
        }
        if !filter.kind.none_of.is_empty() {
            self.and_value(
                "kind NOT IN ",
                &kinds(&filter.kind.none_of)[..],
                "Array(String)",
            );
        }
        self.texts(&filter.name, "name");
        self.texts(&filter.error, "error_type");
        let numbers = |of: &[Fingerprint]| -> Vec<u64> {
            of.iter().map(|one| one.number().cast_unsigned()).collect()
        };
        if !filter.fingerprint.any_of.is_empty() {
            let numbers = numbers(&filter.fingerprint.any_of);
            self.and_value("fingerprint IN ", &numbers[..], "Array(UInt64)");
        }
        self.is_exact &= filter.fingerprint.none_of.is_empty();
        if let Some(range) = &filter.duration {
            self.duration(range);
        }
        self.columns(&filter.has, |what| match what {
            Has::Recording => "id IN (SELECT activity FROM link)",
            Has::Error => "error_type IS NOT NULL",
            Has::Message => "message IS NOT NULL",
            Has::Input => "input IS NOT NULL",
            Has::Output => "output IS NOT NULL",
            Has::Parent => "parent IS NOT NULL",
            Has::Duration => "duration_ns IS NOT NULL",
            what => has_scope(*what),
        });
        self.columns(&filter.is, |Is::Root| "parent IS NULL");
    }

    fn of_events(&mut self, filter: &Filter) {
        let types = |of: &[Pattern]| of.iter().map(Pattern::in_snake_case).collect();
        let types = Choice {
            any_of: types(&filter.event_type.any_of),
            none_of: types(&filter.event_type.none_of),
        };
        self.texts(&types, "type");
        self.columns(&filter.has, |what| match what {
            Has::Parent => "activity IS NOT NULL",
            what => has_scope(*what),
        });
        self.columns(&filter.is, |Is::Root| "activity IS NULL");
        // What nothing but activities has.
        self.is_exact &= filter.kind.is_empty()
            && filter.name.is_empty()
            && filter.error.is_empty()
            && filter.fingerprint.is_empty()
            && filter.duration.is_none();
    }

    fn status(&mut self, choice: &Choice<Status>) {
        let codes = |of: &[Status]| -> Vec<u8> { of.iter().map(|one| one.code() as u8).collect() };
        if !choice.any_of.is_empty() {
            self.and_value("status IN ", &codes(&choice.any_of)[..], "Array(UInt8)");
        }
        if !choice.none_of.is_empty() {
            self.and_value(
                "status NOT IN ",
                &codes(&choice.none_of)[..],
                "Array(UInt8)",
            );
        }
    }

    /// Adds the condition on a column of texts.
    fn texts(&mut self, choice: &Choice<Pattern>, column: &str) {
        if !choice.any_of.is_empty() {
            let any_of: Vec<_> = (choice.any_of.iter())
                .map(|pattern| self.text(pattern, column))
                .collect();
            self.and(&format!("({})", any_of.join(" OR ")));
        }
        let exact = choice.none_of.iter().filter_map(Pattern::as_exact);
        let exact: Vec<String> = exact.map(str::to_owned).collect();
        self.is_exact &= exact.len() == choice.none_of.len();
        if !exact.is_empty() {
            let parameter = self.bind(&exact[..], "Array(String)");
            // NULL is not excluded.
            self.and(&format!("ifNull({column} NOT IN {parameter}, true)"));
        }
    }

    /// Returns the condition that a text may match a pattern.
    fn text(&mut self, pattern: &Pattern, column: &str) -> String {
        if let Some(text) = pattern.as_exact() {
            return format!("{column} = {}", self.bind(text, "String"));
        }
        let parts: Vec<&str> = pattern.parts().collect();
        self.is_exact &= pattern.is_wildcard();
        if pattern.is_wildcard() || !parts.iter().all(|part| part.is_ascii()) {
            return format!("{column} IS NOT NULL");
        }
        let parts: Vec<_> = parts.iter().map(|part| escaped(part)).collect();
        let like = self.bind(&parts.join("%").to_ascii_lowercase()[..], "String");
        // A text that is not ASCII may be another spelling.
        format!("(lower({column}) LIKE {like} OR lengthUTF8({column}) <> length({column}))")
    }

    /// Adds the conditions that the index of words answers.
    fn words(&mut self, filter: &Filter) {
        let column = match self.kind {
            RecordKind::Activities => words::OF_ACTIVITY,
            RecordKind::Events => words::OF_EVENT,
        };
        for text in &filter.words.all_of {
            let Needle::Phrase(phrase) = Needle::new(text) else {
                continue;
            };
            let mut words: Vec<String> = phrase.split_whitespace().map(str::to_owned).collect();
            // Without a space at its end, the last word is a prefix.
            let prefix = (!phrase.ends_with(' ')).then(|| words.pop()).flatten();
            if !words.is_empty() {
                let words = self.bind(&words[..], "Array(String)");
                self.and(&format!("hasAllTokens({column}, {words})"));
            }
            if let Some(prefix) = prefix {
                let like = self.bind(&format!("%{}%", escaped(&prefix)), "String");
                self.and(&format!("{column} LIKE {like}"));
            }
        }
    }

    fn duration(&mut self, range: &DurationRange) {
        match range.min_ns {
            Bound::Included(min) => self.and_value("duration_ns >= ", &min, "UInt64"),
            Bound::Excluded(min) => self.and_value("duration_ns > ", &min, "UInt64"),
            Bound::Unbounded => self.and("duration_ns IS NOT NULL"),
        }
        match range.max_ns {
            Bound::Included(max) => self.and_value("duration_ns <= ", &max, "UInt64"),
            Bound::Excluded(max) => self.and_value("duration_ns < ", &max, "UInt64"),
            Bound::Unbounded => {}
        }
    }

    fn columns<T>(&mut self, choice: &Choice<T>, condition: impl Fn(&T) -> &'static str) {
        let one_of = |items: &[T]| {
            let conditions: Vec<_> = items.iter().map(&condition).collect();
            format!("({})", conditions.join(" OR "))
        };
        if !choice.any_of.is_empty() {
            self.and(&one_of(&choice.any_of));
        }
        if !choice.none_of.is_empty() {
            self.and(&["NOT ", &one_of(&choice.none_of)].concat());
        }
    }
}

fn has_scope(what: Has) -> &'static str {
    match what {
        Has::Project => "project IS NOT NULL",
        Has::Agent => "agent IS NOT NULL",
        Has::Actor => "actor IS NOT NULL",
        Has::Brand => "brand IS NOT NULL",
        Has::Environment => "environment IS NOT NULL",
        Has::Session => "session IS NOT NULL",
        Has::Request => "request IS NOT NULL",
        Has::Recording
        | Has::Error
        | Has::Message
        | Has::Input
        | Has::Output
        | Has::Parent
        | Has::Duration => "false",
    }
}
