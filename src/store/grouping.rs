//! Fields to group activities by that have no sums of their own.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    record::{ActivityRecord, AttributeTest, Filter, Has, Pattern, Status, Sums, Text},
    store::Total,
};

/// A field to rank by that has no precomputed sums.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Grouping {
    /// By actor.
    Actor,
    /// By environment.
    Environment,
    /// By the error type of failures.
    Error,
    /// By the value of an attribute: a text, a number or a boolean.
    Attribute(String),
}

impl Grouping {
    /// Returns a filter for the activities that have the field.
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        match self {
            Grouping::Actor => filter.has.any_of.push(Has::Actor),
            Grouping::Environment => filter.has.any_of.push(Has::Environment),
            Grouping::Error => filter.has.any_of.push(Has::Error),
            Grouping::Attribute(key) => {
                let any = AttributeTest::Is(Pattern::glob("*"));
                let choice = filter.attributes.entry(key.clone()).or_default();
                choice.any_of.push(any);
            }
        }
        filter
    }

    /// Returns the value of an activity.
    pub(crate) fn value(&self, of: &ActivityRecord) -> Option<Text> {
        match self {
            Grouping::Actor => of.scope.actor.clone(),
            Grouping::Environment => of.scope.environment.clone(),
            Grouping::Error => of.error_type.clone(),
            Grouping::Attribute(key) => of.attributes.get(key.as_str()).and_then(text_of),
        }
    }
}

/// Returns the text of an attribute that can be grouped by.
pub(crate) fn text_of(value: &Value) -> Option<Text> {
    match value {
        Value::String(text) => Some(text.clone().into()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string().into()),
        _ => None,
    }
}

/// Adds up activities by group.
#[derive(Debug, Default)]
pub(crate) struct GroupTotals(HashMap<Text, Sums>);

impl GroupTotals {
    pub(crate) fn add(&mut self, id: Text, status: Status, duration_ns: Option<u64>) {
        let sums = self.0.entry(id).or_default();
        sums.add(status, duration_ns);
    }

    /// Returns the totals in no particular order.
    pub(crate) fn finish(self) -> Vec<Total> {
        let totals = self.0.into_iter();
        totals
            .map(|(id, sums)| Total::new(id, sums, None))
            .collect()
    }
}
