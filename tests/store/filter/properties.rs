//! Every filter survives its text form, conjunctions match what both filters match, and no text makes the parser panic.

use std::{collections::BTreeMap, ops::Bound};

use chrono::{DateTime, Utc};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_json::{Number, json};
use tower_activity::{
    Kind, Status,
    record::{AttributeTest, Choice, DurationRange, Filter, Has, Is, Pattern},
};

use super::{activity, now};

fn choice<T: std::fmt::Debug>(
    of: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Choice<T>> {
    (vec(of.clone(), 0..3), vec(of, 0..2)).prop_map(|(any_of, none_of)| Choice { any_of, none_of })
}

fn patterns() -> impl Strategy<Value = Choice<Pattern>> {
    choice(pattern())
}

fn pattern() -> impl Strategy<Value = Pattern> + Clone {
    let globs = "[a-zA-Z*\\\\\", é=<>.:0-9-]{0,8}".prop_map(|text| Pattern::glob(&text));
    let texts = any::<String>().prop_map(Pattern::any_case);
    let any_case = prop_oneof![texts, globs];
    (any_case, any::<bool>()).prop_map(|(pattern, exact)| match exact {
        true => pattern.exactly(),
        false => pattern,
    })
}

fn number() -> impl Strategy<Value = Number> + Clone {
    let floats = any::<f64>().prop_filter_map("JSON has no others", Number::from_f64);
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        floats
    ]
}

fn attribute_test() -> impl Strategy<Value = AttributeTest> + Clone {
    let between = (number(), number()).prop_map(|(a, b)| match a.as_f64() <= b.as_f64() {
        true => AttributeTest::Between(a, b),
        false => AttributeTest::Between(b, a),
    });
    prop_oneof![
        pattern().prop_map(AttributeTest::Is),
        number().prop_map(AttributeTest::Greater),
        number().prop_map(AttributeTest::GreaterOrEqual),
        number().prop_map(AttributeTest::Less),
        number().prop_map(AttributeTest::LessOrEqual),
        between,
    ]
}

fn attributes() -> impl Strategy<Value = BTreeMap<String, Choice<AttributeTest>>> {
    let key = prop_oneof!["[a-z._-]{1,8}", ".+"];
    let some = choice(attribute_test())
        .prop_filter("without conditions there is no text", |choice| {
            !choice.is_empty()
        });
    btree_map(key, some, 0..3)
}

fn instant() -> impl Strategy<Value = Option<DateTime<Utc>>> {
    option::of(
        (0i64..4_102_444_800, 0u32..1_000_000_000)
            .prop_map(|(s, ns)| DateTime::from_timestamp(s, ns).unwrap()),
    )
}

fn window() -> impl Strategy<Value = (Option<DateTime<Utc>>, Option<DateTime<Utc>>)> {
    (instant(), instant()).prop_map(|(a, b)| match (a, b) {
        (Some(a), Some(b)) if a == b => (Some(a), None),
        (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
        one_bound => one_bound,
    })
}

fn duration() -> impl Strategy<Value = Option<DurationRange>> {
    let range = prop_oneof![
        any::<u64>().prop_map(|ns| (Bound::Excluded(ns), Bound::Unbounded)),
        any::<u64>().prop_map(|ns| (Bound::Unbounded, Bound::Excluded(ns))),
        (0..u64::from(u32::MAX))
            .prop_map(|s| (Bound::Included(s * 1_000_000_000), Bound::Unbounded)),
        any::<u64>().prop_map(|ns| (Bound::Unbounded, Bound::Included(ns))),
        (0..1000u64, 1000..9999u64).prop_map(|(a, b)| (Bound::Included(a), Bound::Included(b))),
        Just((Bound::Unbounded, Bound::Unbounded)),
    ];
    option::of(range.prop_map(|(min_ns, max_ns)| DurationRange { min_ns, max_ns }))
}

prop_compose! {
    fn filters()(
        status in choice(select(Status::ALL.to_vec())),
        kind in choice(select(Kind::ALL.to_vec())),
        has in choice(select(Has::ALL.to_vec())),
        is in choice(select(Is::ALL.to_vec())),
        texts in vec(patterns(), 9),
        (since, until) in window(),
        duration in duration(),
        attributes in attributes(),
        words in (vec(".+", 0..3), vec("[-a-z:\"* ]{1,5}", 0..3)),
    ) -> Filter {
        let mut filter = Filter::default();
        let mut texts = texts.into_iter();
        (filter.status, filter.kind, filter.has, filter.is) = (status, kind, has, is);
        for field in [
            &mut filter.name, &mut filter.event_type, &mut filter.project, &mut filter.agent, &mut filter.actor,
            &mut filter.brand, &mut filter.environment, &mut filter.session, &mut filter.request,
        ] {
            *field = texts.next().unwrap();
        }
        (filter.since, filter.until, filter.duration) = (since, until, duration);
        filter.attributes = attributes;
        (filter.words.all_of, filter.words.none_of) = words;
        filter
    }
}

fn few_texts() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "ab"]).prop_map(str::to_owned)
}

fn few_patterns() -> impl Strategy<Value = Choice<Pattern>> {
    choice(select(vec!["a", "b", "a*", "*b", "*"]).prop_map(Pattern::glob))
}

prop_compose! {
    /// Filters that often match the same records.
    fn few()(
        name in few_patterns(), project in few_patterns(), status in choice(select(Status::ALL.to_vec())),
        has in choice(select(vec![Has::Project, Has::Parent])), min in option::of(0..4u64),
        word in option::of(few_texts()),
    ) -> Filter {
        let mut filter = Filter::default();
        (filter.name, filter.project, filter.status, filter.has) = (name, project, status, has);
        filter.duration = min.map(|min| DurationRange { min_ns: Bound::Included(min), max_ns: Bound::Unbounded });
        filter.words.none_of = word.into_iter().collect();
        filter
    }
}

proptest! {
    #[test]
    fn a_filter_survives_its_text_form(filter in filters()) {
        let text = filter.to_string();
        // The grammar limits the length of a text, a typed filter does not.
        prop_assume!(text.len() <= 4096);
        prop_assert_eq!(Filter::parse(&text, now()).map_err(|error| error.to_string()), Ok(filter));
    }

    #[test]
    fn the_conjunction_of_two_filters_matches_what_both_match(
        a in few(), b in few(), c in few(), name in few_texts(), project in option::of(few_texts()), ns in 0..4u64,
        status in select(Status::ALL.to_vec()),
    ) {
        let over = json!({"name": name, "project": project, "status": status, "duration_ns": ns});
        let one = activity(&over);
        let each = a.matches(&one) && b.matches(&one) && c.matches(&one);
        prop_assert_eq!(a.clone().and(&b).and(&c).matches(&one), each);
        prop_assert_eq!(a.and(&b.and(&c)).matches(&one), each);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        check_any(&text);
    }

    #[test]
    fn no_almost_valid_filter_makes_the_parser_panic(
        text in "((-|)(status|since|duration|name|has|attr\\.a|attr.\"|a.b|x|):?=?([a-z0-9*.\"\\\\,<>=é-]|failed|2s|\\.\\.){0,6}[ \t]?){0,5}"
    ) {
        check_any(&text);
    }
}

/// A parsed filter survives its text form; an error has a span on character boundaries.
fn check_any(text: &str) {
    match Filter::parse(text, now()) {
        Ok(filter) => assert_eq!(Filter::parse(&filter.to_string(), now()), Ok(filter)),
        Err(error) => assert!(!error.text()[error.span()].is_empty(), "{error}"),
    }
}
