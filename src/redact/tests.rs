use super::*;
use proptest::prelude::*;
use serde_json::json;

/// What a text becomes; twice is once.
fn check(text: &str, expected: &str) {
    let redactor = Redactor::new();
    let clean = redactor.text(text).unwrap();
    assert_eq!(clean, expected, "of {text:?}");
    assert_eq!(redactor.text(&clean).unwrap(), expected, "twice");
}

/// Put together here, so that no scanner takes this file for a leak.
fn made(beginning: &str) -> String {
    format!("{beginning}{}", "Ab3dEf7hJk".repeat(4))
}

#[test]
fn a_value_is_taken_whole_whatever_it_stands_in() {
    check(
        r#"Login { password: Some("hunter2"), user: "ann" }"#,
        r#"Login { password: [redacted], user: "ann" }"#,
    );
    check("password=ab;hunter2 next", "password=[redacted] next");
    check("password=[hunter2] next", "password=[redacted] next");
    check("(password=hunter2), next", "(password=[redacted]), next");
    check("Pwd=hunter2;Server=db", "Pwd=[redacted];Server=db");
    check(
        "{password:hunter2,user:ann}",
        "{password:[redacted],user:ann}",
    );
    check("password=[redacted]hunter2", "password=[redacted]");
    check("password: 'two words' next", "password: '[redacted]' next");
    check("password = `hunter2` next", "password = `[redacted]` next");
    check(
        "password => \"hunter2\", a",
        "password => \"[redacted]\", a",
    );
    check(
        "if password == \"hunter2\" {",
        "if password == \"[redacted]\" {",
    );
    check("password: b\"hunter2\" next", "password: [redacted] next");
    check("\"cvv\":123,\"x\":1}", "\"cvv\":[redacted],\"x\":1}");
    check(
        "[(\"authorization\", \"hunter2\"), (\"accept\", \"*/*\")]",
        "[(\"authorization\", \"[redacted]\"), (\"accept\", \"*/*\")]",
    );
    check("token: null, password=", "token: null, password=");
    check("password: \"\" next", "password: \"\" next");
}

#[test]
fn a_key_is_known_however_it_is_written() {
    check("API key: hunter2", "API key: [redacted]");
    check(
        "the social security number: 1234",
        "the social security number: [redacted]",
    );
    check(
        "user[password]=hunter2&x=1",
        "user[password]=[redacted]&x=1",
    );
    check("DB_PASSWORD1=hunter2", "DB_PASSWORD1=[redacted]");
    check(
        "mysql --password hunter2 --user ann",
        "mysql --password [redacted] --user ann",
    );
    check(
        "<password>hunter2</password>",
        "<password>[redacted]</password>",
    );
    check(
        "<ns:token>hunter2</ns:token>",
        "<ns:token>[redacted]</ns:token>",
    );
    check(
        r#"{\\\"password\\\":\\\"hunter2\\\",\\\"a\\\":1}"#,
        r#"{\\\"password\\\":\\\"[redacted]\\\",\\\"a\\\":1}"#,
    );
    check(
        "curl -H 'X-Api-Key: hunter2' x",
        "curl -H 'X-Api-Key: [redacted]' x",
    );
    check(
        "curl -H \"Authorization: a b\" x",
        "curl -H \"Authorization: [redacted]\" x",
    );
    check("Cookie: a=1; b=2\nHost: x", "Cookie: [redacted]\nHost: x");
}

#[test]
fn what_only_looks_like_a_key_is_kept() {
    for text in [
        "SyntaxError: unexpected token: foo at 1:2",
        "token::Foo is std::fmt::Debug",
        "task-management-service-of-the-house",
        "risk-assessment-of-projects-2026",
        "basic understanding of basic authentication",
        "a bearer certificates story",
        "max_tokens=100&page_token=abc",
        "std::io::Error: not found (os error 2)",
        "at 2026-02-18T10:00:00.000001Z, 01890a5d-ac96-774b-bcce-b302099a8057",
        "50%25 off, 100% sure, a%20b?c=d%26e",
    ] {
        check(text, text);
    }
}

#[test]
fn urls_hide_nothing() {
    check("postgres://u:p@ss@host/db", "postgres://[redacted]@host/db");
    check(
        "postgres://u:p/w?x@host/db",
        "postgres://[redacted]@host/db",
    );
    check(
        "redis://:hunter2@host:6379/0",
        "redis://[redacted]@host:6379/0",
    );
    check("http://localhost:8080/@me", "http://localhost:8080/@me");
    check(
        "https://h/p?a=1&t%6Fken=hunter2#top",
        "https://h/p?a=1&t%6Fken=[redacted]#top",
    );
    check(
        "/go?to=https%3A%2F%2Fx%2F%3Ftoken%3Dhunter2%26a%3D1 next",
        "/go?to=https://x/?token=[redacted]&a=1 next",
    );
    check(
        "q=%257B%2522password%2522%253A%2522hun%2520ter2%2522%257D",
        "q={\"password\":\"[redacted]\"}",
    );
}

#[test]
fn known_shapes_are_found_anywhere() {
    for beginning in [
        "sk-",
        "sk-ant-",
        "sk_live_",
        "ghp_",
        "github_pat_",
        "glpat-",
        "AIza",
        "xoxb-",
        "npm_",
        "hf_",
    ] {
        let secret = made(beginning);
        check(&format!("a \"{secret}\", b"), "a \"[redacted]\", b");
        check(&secret, REDACTED);
    }
    check(&format!("{}{}", "AK", "IAIOSFODNN7EXAMPLE"), REDACTED);
    check("Basic dXNlcjpwYXNzd29yZA== next", "Basic [redacted] next");
    check("card 4111 1111 1111 1111 12/26", "card [redacted] 12/26");
}

#[test]
fn json_in_texts_is_read_as_json() {
    check(
        " {\"page\": 2, \"token\": [\"hunter2\"]}\n{\"auth\": {\"a\": \"hunter2\"}}",
        "{\"page\":2,\"token\":\"[redacted]\"}\n{\"auth\":\"[redacted]\"}",
    );
    check(
        "{\"token\": [\"hunter2\", \"hunter3\"], \"pa",
        "{\"token\": [redacted], \"pa",
    );
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
fn own_patterns_leave_the_mark_alone() {
    let redactor = Redactor::new().pattern("words", r"\w+").unwrap();
    let once = redactor.text("password=hunter2 and é more").unwrap();
    assert_eq!(redactor.text(&once).unwrap(), once);
    assert!(!once.contains("[["), "{once}");
}

#[test]
fn own_keys_work_without_the_standard_rules() {
    let redactor = Redactor::none().key("Membership-Number");
    assert_eq!(
        redactor.text("membershipNumber=7 password=x").unwrap(),
        "membershipNumber=[redacted] password=x"
    );
}

#[test]
fn no_input_makes_it_slow_or_deep() {
    for part in [
        "a=",
        "token:",
        "token=,",
        "://",
        "u:p@://",
        ">",
        "<token>",
        "eyJaaaaaaaa-",
        "eyJaaaaaaaa.",
        "%25",
        "(",
        "password=(",
        "\"",
        "4 ",
        "-----BEGIN ",
        "bearer ",
        "--token ",
        "sk-",
        "\\\"token\\\":",
        "[{",
        "(\"token\",",
        "\",",
    ] {
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
fn a_value_may_be_as_deep_as_memory_goes() {
    let mut value = json!({"password": "hunter2"});
    for _ in 0..100_000 {
        value = Value::Array(vec![value]);
    }
    let preview = Redactor::new().preview(&value, usize::MAX).unwrap();
    assert!(preview.text.contains("[too deep]") && preview.bytes > 200_000);
    assert!(
        Redactor::new()
            .value("", value)
            .unwrap()
            .to_string()
            .contains("[too deep]")
    );
}

#[test]
fn a_preview_looks_no_further_than_its_cap() {
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
    assert_eq!(preview.bytes, payload.to_string().len() as u64);
    assert!(SEEN.load(Relaxed) < 20);
}

/// A text that keeps to what stands around a secret in real ones.
fn surroundings() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[a-z=:&?@ \"'/\\[\\](){}<>\\\\%,;.-]{0,60}",
        "(password|token| |=|:|\"|'|\\[redacted\\]|\\\\|%3D|%25|&|;|,|\\(|\\)|a|--|<|>|\\?|://|@|\n){0,20}",
    ]
}

proptest! {
    #[test]
    fn twice_is_once(text in surroundings()) {
        let redactor = Redactor::new();
        let once = redactor.text(&text).unwrap().into_owned();
        prop_assert_eq!(redactor.text(&once).unwrap(), once.as_str());
    }

    #[test]
    fn a_known_shape_survives_nowhere(before in surroundings(), after in surroundings()) {
        let secret = made("ghp_");
        let text = format!("{before} {secret} {after}");
        let clean = Redactor::new().text(&text).unwrap().into_owned();
        prop_assert!(!clean.contains(&secret), "{} -> {}", text, clean);
    }

    #[test]
    fn the_size_is_that_of_the_json(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}", number in any::<f64>()) {
        let value = json!({text.clone(): [text, number, null, true, {"a": {}, "b": []}]});
        prop_assert_eq!(walk::json_bytes(&value), value.to_string().len() as u64);
    }
}
