//! Conditions on attributes: texts, numbers, comparisons.

use std::{
    cmp::Ordering::{self, Equal, Greater, Less},
    collections::BTreeMap,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::record::{Choice, Filter, Pattern, fold};

/// A condition on the value of an attribute of an activity, or of a top-level key of an event's data.
///
/// Of a list, one of the items has to fulfil it. Lists in lists and objects fulfil only `*`, as everything that is there does.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use tower_activity::record::{AttributeTest, Pattern};
///
/// let test = AttributeTest::Is(Pattern::any_case("402"));
/// assert!(test.matches(&json!(402)) && test.matches(&json!(402.0)) && test.matches(&json!("402")));
/// assert!(!test.matches(&json!("402.0")));
///
/// let test = AttributeTest::Greater(100.into());
/// assert!(test.matches(&json!(100.5)) && test.matches(&json!([1, 200])));
/// assert!(!test.matches(&json!("200")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttributeTest {
    /// A string, `true`, `false` or `null` that the pattern matches. A number that is equal to that of the pattern, or if that
    /// has wildcards, whose JSON it matches.
    Is(Pattern),
    /// A number greater than this.
    Greater(Number),
    /// This number or a greater one.
    GreaterOrEqual(Number),
    /// A number less than this.
    Less(Number),
    /// This number or a lesser one.
    LessOrEqual(Number),
    /// A number from the first to the second, both included.
    Between(Number, Number),
}

impl AttributeTest {
    /// Returns true if the value fulfils the condition.
    pub fn matches(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => {
                self.is_wildcard() || items.iter().any(|item| self.matches_scalar(item))
            }
            value => self.matches_scalar(value),
        }
    }

    fn matches_scalar(&self, value: &Value) -> bool {
        match (self, value) {
            (AttributeTest::Is(pattern), value) => is(pattern, value),
            (test, Value::Number(number)) => test.holds(number),
            _ => false,
        }
    }

    /// Checks a comparison.
    fn holds(&self, number: &Number) -> bool {
        let is = |bound, allowed: &[Ordering]| {
            compare(number, bound).is_some_and(|ordering| allowed.contains(&ordering))
        };
        match self {
            AttributeTest::Is(_) => false,
            AttributeTest::Greater(bound) => is(bound, &[Greater]),
            AttributeTest::GreaterOrEqual(bound) => is(bound, &[Greater, Equal]),
            AttributeTest::Less(bound) => is(bound, &[Less]),
            AttributeTest::LessOrEqual(bound) => is(bound, &[Less, Equal]),
            AttributeTest::Between(first, last) => {
                is(first, &[Greater, Equal]) && is(last, &[Less, Equal])
            }
        }
    }

    fn is_wildcard(&self) -> bool {
        matches!(self, AttributeTest::Is(pattern) if pattern.is_wildcard())
    }

    /// Returns the [terms](attribute_terms) one of which every matching value has; `None` for a comparison or wildcards.
    fn terms(&self) -> Option<Vec<String>> {
        let AttributeTest::Is(pattern) = self else {
            return None;
        };
        let text = pattern.as_text()?;
        let mut terms = vec![fold(text).into_owned()];
        terms.extend(parse_number(text).map(|number| number_term(&number)));
        terms.dedup();
        Some(terms)
    }
}

impl Filter {
    /// Returns the attributes of which the filter names the values, without wildcards and comparisons: each with the
    /// [terms](attribute_terms) one of which every matching record has.
    pub(crate) fn attribute_terms(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        self.attributes.iter().filter_map(|(key, choice)| {
            let terms: Option<Vec<_>> = choice.any_of.iter().map(AttributeTest::terms).collect();
            let terms = terms?.concat();
            (!terms.is_empty()).then_some((key.as_str(), terms))
        })
    }

    /// Returns the filter without its conditions on attributes, for a scan that [reads these](Self::matching_attributes) anyway.
    pub(crate) fn without_attributes(&self) -> Filter {
        let mut filter = self.clone();
        filter.attributes.clear();
        filter.and = self.and.as_ref().map(|and| and.without_attributes().into());
        filter
    }

    /// Parses the attributes of a record; `None` if they do not fulfil the filter's conditions on them. Texts without a key that
    /// has to be there are not parsed.
    pub(crate) fn matching_attributes(&self, json: Option<&str>) -> Option<Map<String, Value>> {
        let json = json.unwrap_or_default();
        if !self.may_match(json) {
            return None;
        }
        let attributes = serde_json::from_str(json).unwrap_or_default();
        self.attributes_match(&attributes).then_some(attributes)
    }

    /// Returns false if a key that has to be there is missing. Another program may have written keys with escapes.
    fn may_match(&self, json: &str) -> bool {
        let has = |key: &str| json.contains(key) || json.contains('\\');
        let mut conditions = self.attributes.iter();
        conditions.all(|(key, choice)| choice.any_of.is_empty() || has(key))
            && self.and.as_ref().is_none_or(|and| and.may_match(json))
    }

    fn attributes_match(&self, attributes: &Map<String, Value>) -> bool {
        attributes_match(&self.attributes, Some(attributes))
            && (self.and.as_ref()).is_none_or(|and| and.attributes_match(attributes))
    }
}

/// Returns the text forms of a value for an index of attributes: one for each scalar, and of a list for each item.
pub(crate) fn attribute_terms(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(scalar_term).collect(),
        value => scalar_term(value).into_iter().collect(),
    }
}

fn scalar_term(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(fold(text).into_owned()),
        Value::Number(number) => Some(number_term(number)),
        Value::Array(_) | Value::Object(_) => None,
        value => Some(value.to_string()),
    }
}

/// Returns the same text for equal numbers.
fn number_term(number: &Number) -> String {
    match whole(number) {
        Some(whole) => whole.to_string(),
        None => number.to_string(),
    }
}

/// Returns true if the attributes fulfil the conditions on each key.
pub(crate) fn attributes_match(
    conditions: &BTreeMap<String, Choice<AttributeTest>>,
    attributes: Option<&Map<String, Value>>,
) -> bool {
    conditions.iter().all(|(key, choice)| {
        let value = attributes.and_then(|attributes| attributes.get(key));
        choice.allows(|test| value.is_some_and(|value| test.matches(value)))
    })
}

fn is(pattern: &Pattern, value: &Value) -> bool {
    match value {
        Value::String(text) => pattern.matches(text),
        Value::Number(number) => match pattern.as_text().and_then(parse_number) {
            Some(meant) => compare(number, &meant) == Some(Equal),
            None => pattern.matches(&number.to_string()),
        },
        Value::Array(_) | Value::Object(_) => pattern.is_wildcard(),
        value => pattern.matches(&value.to_string()),
    }
}

/// Parses a number as JSON writes it.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let number: Number = text.parse().ok()?;
    match number.is_f64() {
        // The standard library rounds correctly, which serde_json does only with a feature.
        true => Number::from_f64(text.parse().ok()?),
        false => Some(number),
    }
}

/// Compares two numbers exactly, also beyond 2^53.
fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        // At least one has a fraction, or is beyond all integers: as that, the other is exact enough to tell which is greater.
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Returns a number without a fraction as an integer.
fn whole(number: &Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from);
    if let Some(integer) = integer.or_else(|| number.as_u64().map(i128::from)) {
        return Some(integer);
    }
    let float = number.as_f64()?;
    // Below 2^127.
    (float.fract() == 0.0 && float.abs() < 1e38).then_some(float as i128)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let check = |a: Value, b: Value, expected: Ordering| {
            let (Value::Number(a), Value::Number(b)) = (a, b) else {
                panic!("two numbers");
            };
            assert_eq!(compare(&a, &b), Some(expected), "{a} {b}");
            assert_eq!(compare(&b, &a), Some(expected.reverse()), "{b} {a}");
        };
        check(json!(402), json!(402.0), Equal);
        check(json!(-0.0), json!(0), Equal);
        check(json!(0.5), json!(1), Less);
        check(json!(-1.5), json!(-1), Less);
        let big = 1u64 << 53;
        check(json!(big + 1), json!(big as f64), Greater);
        check(json!(u64::MAX), json!(i64::MAX), Greater);
        check(json!(u64::MAX), json!(18_446_744_073_709_551_616.0), Less);
        check(json!(1e300), json!(u64::MAX), Greater);
        check(json!(1e300), json!(-1e300), Greater);
    }

    #[test]
    fn attributes_are_read_if_they_match() {
        let check = |filter: &str, json: Option<&str>, expected: Option<usize>| {
            let filter = Filter::parse(filter, chrono::DateTime::UNIX_EPOCH).unwrap();
            let found = filter.matching_attributes(json);
            assert_eq!(
                found.map(|found| found.len()),
                expected,
                "{filter} {json:?}"
            );
        };
        let json = Some(r#"{"a": "x", "b": "c"}"#);
        check("attr.a:x", json, Some(2));
        check("attr.a:x -attr.d:*", json, Some(2));
        check("attr.a:y", json, None);
        check("attr.c:*", json, None);
        check("-attr.c:*", json, Some(2));
        check("-attr.a:x", json, None);
        check(r#"attr."ab":x"#, Some(r#"{"\u0061b": "x"}"#), Some(1));
        check("", None, Some(0));
        check("-attr.a:*", None, Some(0));
        check("attr.a:*", None, None);
        check("attr.a:*", Some("{\"a\": "), None);
        let [a, other] = ["attr.a:x", "attr.a:y"]
            .map(|text| Filter::parse(text, chrono::DateTime::UNIX_EPOCH).unwrap());
        assert_eq!(a.and(&other).matching_attributes(json), None);
    }

    proptest! {
        #[test]
        fn a_matching_value_has_a_term_of_the_condition(
            text in select(vec!["402", "402.0", "4.02e2", "OK", "ok", "true", "null", "", "1e300", "NaN"]),
            value in select(vec![
                json!(402), json!(402.0), json!("402"), json!("ok"), json!("Ok"), json!(true), json!(null),
                json!("null"), json!(""), json!(1e300), json!("1e300"), json!("NaN"), json!({"a": 402}),
            ]),
            in_list: bool,
        ) {
            let test = AttributeTest::Is(Pattern::any_case(text));
            let terms = test.terms().unwrap();
            let value = if in_list { json!([0, value]) } else { value };
            let found = attribute_terms(&value).iter().any(|term| terms.contains(term));
            prop_assert!(found || !test.matches(&value), "{text} {value}");
        }
    }
}
