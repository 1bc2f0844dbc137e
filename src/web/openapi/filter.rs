//! The filter grammar in the API's description: the extension `x-filter`.

use serde::Serialize;

use crate::record::{Field, Has, Is, Kind, Status};

/// The name of the extension.
pub(super) const EXTENSION: &str = "x-filter";

/// A field of the filter grammar, for programs that help to write a filter.
#[derive(Debug, Serialize)]
pub(super) struct FilterField {
    name: &'static str,
    /// A short form of the name.
    alias: Option<&'static str>,
    description: &'static str,
    #[serde(rename = "type")]
    value_type: ValueType,
    /// Every value of an `enum`.
    values: Vec<&'static str>,
    /// Values to suggest where any other is allowed too.
    examples: &'static [&'static str],
    /// True if it takes several values, separated by commas.
    list: bool,
    /// True if a dot and a key follow the name.
    keyed: bool,
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ValueType {
    /// One of the listed values.
    Enum,
    /// A text in which `*` is a wildcard.
    Pattern,
    /// An age (`24h`), a date or an instant.
    Time,
    /// A duration, a bound or a range: `2s`, `>100ms`, `1s..2s`.
    Duration,
    /// 16 hexadecimal digits.
    Fingerprint,
    /// A text in which `*` is a wildcard, a number, a bound or a range: `x*`, `402`, `>1.5`, `1..2`.
    Attribute,
}

/// Every field of the grammar, in the order in which a filter is written.
pub(super) fn fields() -> Vec<FilterField> {
    Field::ALL.into_iter().map(field).collect()
}

fn field(field: Field) -> FilterField {
    let value_type = value_type(field);
    FilterField {
        name: field.as_str(),
        alias: (field == Field::Environment).then_some("env"),
        description: description(field),
        value_type,
        values: match field {
            Field::Status => Status::ALL.map(Status::as_str).to_vec(),
            Field::Kind => Kind::ALL.map(Kind::as_str).to_vec(),
            Field::Has => Has::ALL.map(Has::as_str).to_vec(),
            Field::Is => Is::ALL.map(Is::as_str).to_vec(),
            _ => Vec::new(),
        },
        examples: match field {
            Field::Since => &["15m", "1h", "24h", "7d", "30d", "today", "yesterday"],
            Field::Until => &["1h", "24h", "7d", "today"],
            Field::Duration => &[">100ms", ">1s", ">10s", "<100ms"],
            _ => &[],
        },
        list: matches!(
            value_type,
            ValueType::Enum | ValueType::Pattern | ValueType::Fingerprint | ValueType::Attribute
        ),
        keyed: field == Field::Attribute,
    }
}

fn value_type(field: Field) -> ValueType {
    match field {
        Field::Status | Field::Kind | Field::Has | Field::Is => ValueType::Enum,
        Field::Since | Field::Until => ValueType::Time,
        Field::Duration => ValueType::Duration,
        Field::Name
        | Field::Type
        | Field::Project
        | Field::Agent
        | Field::Actor
        | Field::Brand
        | Field::Environment
        | Field::Session
        | Field::Request
        | Field::Error => ValueType::Pattern,
        Field::Fingerprint => ValueType::Fingerprint,
        Field::Attribute => ValueType::Attribute,
    }
}

fn description(field: Field) -> &'static str {
    match field {
        Field::Status => "state or outcome",
        Field::Kind => "kind of work",
        Field::Name => "name; * matches anything",
        Field::Type => "event type",
        Field::Project => "project it belongs to",
        Field::Agent => "agent that made the call",
        Field::Actor => "user it ran for",
        Field::Brand => "site or product",
        Field::Environment => "production, development, …",
        Field::Session => "client session or conversation",
        Field::Request => "client request ID",
        Field::Error => "error type of a failure",
        Field::Fingerprint => "group of errors",
        Field::Since => "started at or after: age, date or time",
        Field::Until => "started before: age, date or time",
        Field::Duration => "duration: bound or range",
        Field::Has => "field that is set",
        Field::Is => "root: without a parent",
        Field::Attribute => "attribute, by key: text, number, bound or range",
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::record::Filter;

    /// The name of a field in a filter.
    fn name(field: &FilterField) -> String {
        let key = if field.keyed { ".key" } else { "" };
        [field.name, key].concat()
    }

    fn parses(filter: &str) -> bool {
        Filter::parse(filter, Utc::now()).is_ok()
    }

    #[test]
    fn the_grammar_accepts_what_the_description_lists_and_no_other_enum_value() {
        for field in fields() {
            let name = name(&field);
            for value in field.values.iter().chain(field.examples) {
                assert!(parses(&format!("{name}:{value}")), "{name}:{value}");
            }
            let is_text = matches!(field.value_type, ValueType::Pattern | ValueType::Attribute);
            assert_eq!(parses(&format!("{name}:other")), is_text, "{name}");
            let is_enum = field.value_type == ValueType::Enum;
            assert_eq!(!field.values.is_empty(), is_enum, "{name}");
        }
    }

    #[test]
    fn a_list_takes_several_values_and_nothing_else_does() {
        for field in fields() {
            let known = field.values.iter().chain(field.examples).next();
            let value = match field.value_type {
                ValueType::Fingerprint => &"0123456789abcdef",
                _ => known.unwrap_or(&"a"),
            };
            let name = name(&field);
            let two = format!("{name}:{value},{value}");
            assert_eq!(parses(&two), field.list, "{two}");
        }
    }

    #[test]
    fn an_alias_is_parsed_as_its_field() {
        for field in fields() {
            let alias = field.alias.unwrap_or(field.name);
            assert_eq!(Field::from_name(alias).map(Field::as_str), Some(field.name));
        }
    }
}
