use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Checks the redacted text, and that redacting it again changes nothing. Most texts are in
/// `tests/calls/redaction/texts.txt`.
fn check(text: &str, expected: &str) {
    let redactor = Redactor::new();
    let clean = redactor.text(text).unwrap();
    assert_eq!(clean, expected, "of {text:?}");
    assert_eq!(redactor.text(&clean).unwrap(), expected, "twice");
}

/// Builds a secret at run time, so that no secret scanner reports this file.
fn made(beginning: &str) -> String {
    format!("{beginning}{}", "Ab3dEf7hJk".repeat(4))
}

/// Building blocks of real texts and attacks, one per line.
fn tokens() -> Vec<String> {
    let written = |line: &str| {
        [('␠', ' '), ('⏎', '\n'), ('⇥', '\t'), ('␛', '\u{1b}')]
            .iter()
            .fold(line.to_owned(), |line, (sign, meant)| {
                line.replace(*sign, meant.encode_utf8(&mut [0; 4]))
            })
    };
    include_str!("tokens.txt").lines().map(written).collect()
}

#[test]
fn known_shapes_are_found_anywhere() {
    let beginnings = "sk- sk-ant- sk_live_ ghp_ github_pat_ glpat- AIza xoxb- npm_ hf_";
    for beginning in beginnings.split(' ') {
        let secret = made(beginning);
        check(&format!("a \"{secret}\", b"), "a \"[redacted]\", b");
        check(&secret, REDACTED);
    }
    check(&format!("{}{}", "AK", "IAIOSFODNN7EXAMPLE"), REDACTED);
}

#[test]
fn arguments_of_programs_are_read_in_pairs() {
    let clean = Redactor::new()
        .value(
            "",
            json!({"args": ["mysql", "--password", "hunter2", "--user", "ann"], "secret": true}),
        )
        .unwrap();
    assert_eq!(
        clean,
        json!({"args": ["mysql", "--password", "[redacted]", "--user", "ann"], "secret": true})
    );
}

#[test]
fn custom_patterns_do_not_match_the_mark() {
    let redactor = Redactor::new().pattern("words", r"\w+").unwrap();
    let once = redactor.text("password=hunter2 and é more").unwrap();
    assert_eq!(redactor.text(&once).unwrap(), once);
    assert!(!once.contains("[["), "{once}");
}

#[test]
fn custom_keys_work_without_the_standard_rules() {
    let redactor = Redactor::none().key("Membership-Number");
    assert_eq!(
        redactor.text("membershipNumber=7 password=x").unwrap(),
        "membershipNumber=[redacted] password=x"
    );
}

#[test]
fn no_input_is_slow_or_overflows_the_stack() {
    for part in tokens() {
        let text = part.repeat(100_000 / part.len());
        let clean = Redactor::new().text(&text).unwrap().into_owned();
        assert_eq!(
            Redactor::new().text(&clean).unwrap(),
            clean,
            "of many {part:?}"
        );
    }
}

#[test]
fn a_value_may_be_nested_arbitrarily_deep() {
    let mut value = json!({"password": "hunter2"});
    for _ in 0..100_000 {
        value = Value::Array(vec![value]);
    }
    let preview = Redactor::new().preview(&value, usize::MAX).unwrap();
    assert!(preview.text.contains("[too deep]") && preview.truncated);
    assert!(
        Redactor::new()
            .value("", value)
            .unwrap()
            .to_string()
            .contains("[too deep]")
    );
}

#[test]
fn a_preview_reads_no_further_than_its_cap() {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let redactor = Redactor::new().with(|_, _| {
        SEEN.fetch_add(1, Relaxed);
        None
    });
    let payload = Value::from(vec!["twelve bytes"; 10_000]);
    let preview = redactor.preview(&payload, 100).unwrap();
    assert_eq!(preview.text.len(), 100);
    assert!(preview.truncated);
    assert!(preview.bytes > 1_000 && preview.bytes <= payload.to_string().len() as u64);
    assert!(SEEN.load(Relaxed) < 100);
}

/// Generates text that surrounds secrets in practice.
fn surroundings() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[a-z=:&?@ \"'/\\[\\](){}<>\\\\%,;.-]{0,60}",
        "(password|token| |=|:|\"|'|\\[redacted\\]|\\\\|%3D|%25|&|;|,|\\(|\\)|a|--|<|>|\\?|://|@|\n){0,20}",
    ]
}

proptest! {
    #[test]
    fn redaction_is_idempotent(text in surroundings()) {
        let redactor = Redactor::new();
        let once = redactor.text(&text).unwrap().into_owned();
        prop_assert_eq!(redactor.text(&once).unwrap(), once.as_str());
    }

    #[test]
    fn a_known_shape_is_found_in_any_surroundings(before in surroundings(), after in surroundings()) {
        let secret = made("ghp_");
        let text = format!("{before} {secret} {after}");
        let clean = Redactor::new().text(&text).unwrap().into_owned();
        prop_assert!(!clean.contains(&secret), "{} -> {}", text, clean);
    }
}

/// Redacts with the slow oracle.
fn slowly(text: &str) -> String {
    pass::redact_slowly(&Rules::default(), text).into_owned()
}

fn mixture() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(tokens()), 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn memoization_changes_nothing(text in mixture()) {
        let clean = Redactor::new().text(&text).unwrap().into_owned();
        prop_assert_eq!(clean, slowly(&text));
    }

    #[test]
    fn redaction_of_a_mixture_is_idempotent(text in mixture()) {
        let redactor = Redactor::new();
        let once = redactor.text(&text).unwrap().into_owned();
        prop_assert_eq!(redactor.text(&once).unwrap(), once.as_str());
    }
}

#[test]
fn every_shape_is_found_and_a_prefix_alone_is_not() {
    let redactor = Redactor::new();
    for (shape, example) in rules::TABLE
        .shapes
        .iter()
        .zip(examples::shapes(&rules::TABLE))
    {
        let text = format!("see {example} there");
        let kept = if shape.keep {
            shape.prefix.as_str()
        } else {
            ""
        };
        let clean = redactor.text(&text).unwrap();
        assert_eq!(clean, format!("see {kept}[redacted] there"), "of {text:?}");
        let alone = format!("see {} there", shape.prefix);
        assert_eq!(redactor.text(&alone).unwrap(), alone);
    }
    assert!(rules::TABLE.shapes.len() > 150 && rules::TABLE.vendors.len() > 60);
}

#[test]
fn every_known_token_is_longer_than_a_short_word() {
    let shapes = rules::TABLE.shapes.iter();
    let shortest = shapes
        .map(|shape| shape.back + shape.prefix.len() + shape.min)
        .min();
    assert!(shortest.unwrap() > pass::MAX_WORD, "{shortest:?}");
}

#[test]
fn the_automaton_is_small() {
    let bytes = automaton::STANDARD.memory() + automaton::FOREIGN.memory();
    assert!(bytes < 3 << 19, "{bytes} bytes");
}
