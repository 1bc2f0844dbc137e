//! Compiles a filter to the conditions of a statement.
//!
//! The conditions find every record that the filter matches. Where they may find others, too, they are not exact, and
//! [`Record::matches`](crate::store::Record::matches) has the last word.

use std::{ops::Bound, sync::Arc};

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::dictionary::{Dictionary, Numbers};
use crate::{
    record::{
        ActivityId, Choice, DurationRange, Filter, Fingerprint, Has, Is, Kind, Pattern, Status,
    },
    store::codes::Code,
};

/// The table that conditions are for, under the alias `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Ended activities.
    Ended,
    /// Running activities, with the status that follows from their log.
    Open,
    /// Events.
    Events,
}

/// A value of a parameter, and its type.
pub(super) type Value = (Arc<dyn ToSql + Sync + Send>, Type);

/// Conditions joined by `AND`, and the values of their parameters, in order.
#[derive(Debug, Clone)]
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// True if every row that they find matches the filter.
    pub(super) is_exact: bool,
    /// False if no row can match.
    pub(super) is_possible: bool,
}

impl Where {
    /// Conditions that every row fulfils.
    pub(super) fn everything() -> Self {
        Where {
            sql: String::from("TRUE"),
            values: Vec::new(),
            is_exact: true,
            is_possible: true,
        }
    }

    /// The conditions of a filter.
    pub(super) fn new(filter: &Filter, table: Table, dictionary: &Dictionary) -> Self {
        let mut clause = Where::everything();
        clause.filter(filter, table, dictionary);
        clause
    }

    /// Adds a value, and returns its parameter.
    pub(super) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, of: Type) -> String {
        self.values.push((Arc::new(value), of));
        format!("${}", self.values.len())
    }

    pub(super) fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// Adds a condition that compares something with a value: `a.id >= `.
    pub(super) fn and_value(
        &mut self,
        condition: &str,
        value: impl ToSql + Sync + Send + 'static,
        of: Type,
    ) {
        let parameter = self.bind(value, of);
        self.and(&[condition, &parameter].concat());
    }

    /// Adds the bounds of ids: from the first on, and below the second.
    pub(super) fn within(&mut self, (from, before): (Option<ActivityId>, Option<ActivityId>)) {
        if let Some(from) = from {
            self.and_value("a.id >= ", uuid(from), Type::UUID);
        }
        if let Some(before) = before {
            self.and_value("a.id < ", uuid(before), Type::UUID);
        }
    }

    /// Adds the conditions of a filter.
    pub(super) fn filter(&mut self, filter: &Filter, table: Table, dictionary: &Dictionary) {
        self.status(&filter.status, table);
        match table {
            Table::Events => self.of_events(filter, dictionary),
            Table::Ended | Table::Open => self.of_activities(filter, table, dictionary),
        }
        let scope = [
            (&filter.project, "a.project"),
            (&filter.agent, "a.agent"),
            (&filter.actor, "a.actor"),
            (&filter.brand, "a.brand"),
            (&filter.environment, "a.environment"),
        ];
        for (choice, column) in scope {
            self.numbers(choice, column, |pattern| dictionary.numbers(pattern));
        }
        self.texts(&filter.session, "a.session");
        self.texts(&filter.request, "a.request");
        let bounds = (
            filter.since.map(ActivityId::first_since),
            filter.until.map(ActivityId::first_since),
        );
        self.within(bounds);
        self.is_exact &= filter.attributes.is_empty() && filter.words.is_empty();
        if let Some(and) = &filter.and {
            self.filter(and, table, dictionary);
        }
    }

    fn of_activities(&mut self, filter: &Filter, table: Table, dictionary: &Dictionary) {
        self.numbers(&filter.kind, "a.kind", |kind: &Kind| {
            dictionary.numbers(&Pattern::exact(kind.as_str()))
        });
        self.numbers(&filter.name, "a.name", |name| dictionary.numbers(name));
        self.texts(&filter.error, "a.error_type");
        self.fingerprints(&filter.fingerprint, table);
        if let Some(range) = &filter.duration {
            self.duration(range);
        }
        self.columns(&filter.has, |what| match what {
            Has::Recording => {
                "EXISTS (SELECT 1 FROM tower_activity.link AS l WHERE l.activity = a.id)"
            }
            Has::Error => "a.error_type IS NOT NULL",
            Has::Message => "a.message IS NOT NULL",
            Has::Input => "a.input IS NOT NULL",
            Has::Output => "a.output IS NOT NULL",
            Has::Parent => "a.parent IS NOT NULL",
            Has::Duration => "a.duration_ns IS NOT NULL",
            what => has_scope(*what),
        });
        self.columns(&filter.is, |Is::Root| "a.parent IS NULL");
    }

    fn of_events(&mut self, filter: &Filter, dictionary: &Dictionary) {
        self.numbers(&filter.event_type, "a.type", |one| {
            dictionary.numbers(&one.in_snake_case())
        });
        self.columns(&filter.has, |what| match what {
            Has::Parent => "a.activity IS NOT NULL",
            what => has_scope(*what),
        });
        self.columns(&filter.is, |Is::Root| "a.activity IS NULL");
        // What nothing but activities has.
        self.is_exact &= filter.kind.is_empty()
            && filter.name.is_empty()
            && filter.error.is_empty()
            && filter.fingerprint.is_empty()
            && filter.duration.is_none();
    }

    fn status(&mut self, choice: &Choice<Status>, table: Table) {
        let may_be = |status: &Status| match table {
            Table::Ended => *status != Status::Running,
            Table::Open => matches!(status, Status::Running | Status::Abandoned),
            Table::Events => true,
        };
        let code = |status: &Status| status.code() as i16;
        let any_of: Vec<i16> = choice
            .any_of
            .iter()
            .filter(|one| may_be(one))
            .map(code)
            .collect();
        match any_of.as_slice() {
            _ if choice.any_of.is_empty() => {}
            [] => self.is_possible = false,
            // The condition of the index on unsuccessful ones follows from it: a second one would be taken for a rarer match.
            [status] => self.and_value("a.status = ", *status, Type::INT2),
            _ => {
                let parameter = self.bind(any_of, Type::INT2_ARRAY);
                self.and(&format!("a.status = ANY({parameter})"));
            }
        }
        let none_of: Vec<i16> = choice
            .none_of
            .iter()
            .filter(|one| may_be(one))
            .map(code)
            .collect();
        if !none_of.is_empty() {
            let parameter = self.bind(none_of, Type::INT2_ARRAY);
            self.and(&format!("a.status <> ALL({parameter})"));
        }
    }

    /// Adds the condition on a column that has numbers of the dictionary.
    fn numbers<T>(&mut self, choice: &Choice<T>, column: &str, numbers: impl Fn(&T) -> Numbers) {
        let of = |items: &[T]| {
            let items = items.iter().map(&numbers);
            items.reduce(Numbers::or).unwrap_or_default()
        };
        if !choice.any_of.is_empty() {
            match of(&choice.any_of) {
                Numbers::All => self.and(&[column, " IS NOT NULL"].concat()),
                Numbers::TooMany => self.is_exact = false,
                Numbers::These(numbers) => match numbers.as_slice() {
                    [] => self.is_possible = false,
                    [one] => self.and_value(&[column, " = "].concat(), *one, Type::INT8),
                    _ => {
                        let parameter = self.bind(numbers, Type::INT8_ARRAY);
                        self.and(&format!("{column} = ANY({parameter})"));
                    }
                },
            }
        }
        match of(&choice.none_of) {
            _ if choice.none_of.is_empty() => {}
            Numbers::All => self.and(&[column, " IS NULL"].concat()),
            Numbers::TooMany => self.is_exact = false,
            Numbers::These(numbers) if numbers.is_empty() => {}
            Numbers::These(numbers) => {
                let parameter = self.bind(numbers, Type::INT8_ARRAY);
                // NULL is not excluded.
                self.and(&format!("({column} = ANY({parameter})) IS NOT TRUE"));
            }
        }
    }

    /// Adds the condition on a column of texts, of which only exact ones are compared by the server.
    fn texts(&mut self, choice: &Choice<Pattern>, column: &str) {
        let exact = |patterns: &[Pattern]| {
            let texts = patterns.iter().map(Pattern::as_exact);
            let texts: Option<Vec<&str>> = texts.collect();
            let texts = texts?.into_iter().filter(|text| !text.contains('\0'));
            Some(texts.map(str::to_owned).collect::<Vec<_>>())
        };
        let is_any = choice.any_of.iter().any(Pattern::is_wildcard);
        match exact(&choice.any_of) {
            _ if choice.any_of.is_empty() => {}
            _ if is_any => self.and(&[column, " IS NOT NULL"].concat()),
            None => {
                self.is_exact = false;
                self.and(&[column, " IS NOT NULL"].concat());
            }
            Some(texts) => {
                let parameter = self.bind(texts, Type::TEXT_ARRAY);
                self.and(&format!("{column} = ANY({parameter})"));
            }
        }
        match exact(&choice.none_of) {
            _ if choice.none_of.is_empty() => {}
            None => self.is_exact = false,
            Some(texts) => {
                let parameter = self.bind(texts, Type::TEXT_ARRAY);
                self.and(&format!("({column} = ANY({parameter})) IS NOT TRUE"));
            }
        }
    }

    fn fingerprints(&mut self, choice: &Choice<Fingerprint>, table: Table) {
        let numbers = |of: &[Fingerprint]| of.iter().map(|one| one.number()).collect::<Vec<_>>();
        if !choice.any_of.is_empty() {
            self.is_possible &= table == Table::Ended;
            let parameter = self.bind(numbers(&choice.any_of), Type::INT8_ARRAY);
            self.and(&format!(
                "a.status = 2 AND a.fingerprint = ANY({parameter})"
            ));
        }
        if !choice.none_of.is_empty() {
            let parameter = self.bind(numbers(&choice.none_of), Type::INT8_ARRAY);
            self.and(&format!("(a.fingerprint = ANY({parameter})) IS NOT TRUE"));
        }
    }

    fn duration(&mut self, range: &DurationRange) {
        // The server's integers end at 292 years.
        let ns = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        match range.min_ns {
            Bound::Included(min) => self.and_value("a.duration_ns >= ", ns(min), Type::INT8),
            Bound::Excluded(min) => self.and_value("a.duration_ns > ", ns(min), Type::INT8),
            Bound::Unbounded => self.and("a.duration_ns IS NOT NULL"),
        }
        match range.max_ns {
            Bound::Included(max) => self.and_value("a.duration_ns <= ", ns(max), Type::INT8),
            Bound::Excluded(max) => self.and_value("a.duration_ns < ", ns(max), Type::INT8),
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
            self.and(&[&one_of(&choice.none_of), " IS NOT TRUE"].concat());
        }
    }
}

fn has_scope(what: Has) -> &'static str {
    match what {
        Has::Project => "a.project IS NOT NULL",
        Has::Agent => "a.agent IS NOT NULL",
        Has::Actor => "a.actor IS NOT NULL",
        Has::Brand => "a.brand IS NOT NULL",
        Has::Environment => "a.environment IS NOT NULL",
        Has::Session => "a.session IS NOT NULL",
        Has::Request => "a.request IS NOT NULL",
        Has::Recording
        | Has::Error
        | Has::Message
        | Has::Input
        | Has::Output
        | Has::Parent
        | Has::Duration => "FALSE",
    }
}

pub(super) fn uuid(id: ActivityId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}
