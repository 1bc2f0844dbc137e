//! No secret is stored, wherever it is recorded.

mod cases;
mod files;
mod ordinary;
mod texts;

use std::fs;

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_activity::{Activity, ActivityLog, Describe, Outcome, record::Capture, redact::Redactor};

use crate::support::rows;

#[test]
fn secrets_in_texts_are_found() {
    let check = |text: &str, expected: &str| {
        let redactor = Redactor::new();
        let clean = redactor.text(text).unwrap();
        assert_eq!(clean, expected);
        assert_eq!(redactor.text(&clean).unwrap(), expected, "twice is once");
    };
    check("nothing to see", "nothing to see");
    check(
        "Authorization: Bearer abc.def-ghi",
        "Authorization: [redacted]",
    );
    check(
        "sent Bearer abcdefgh12345 to them",
        "sent Bearer [redacted] to them",
    );
    check("a bearer certificates story", "a bearer certificates story");
    check("basic understanding", "basic understanding");
    check(
        "https://ann:hunter2@example.com/x",
        "https://[redacted]@example.com/x",
    );
    check(
        "postgres://app:p%40ss@db/app",
        "postgres://[redacted]@db/app",
    );
    check(
        "GET /x?page=2&api_key=k1&token=t2",
        "GET /x?page=2&api_key=[redacted]&token=[redacted]",
    );
    check("/x?api%5Fkey=k1", "/x?api%5Fkey=[redacted]");
    check("password=hunter2 user=ann", "password=[redacted] user=ann");
    check(
        "password: hunter2, user: ann",
        "password: [redacted], user: ann",
    );
    check(
        r#"{"password":"hunt\"er2","user":"ann"#,
        r#"{"password":"[redacted]","user":"ann"#,
    );
    check(
        "url=https://example.com/?token=t1&x=1",
        "url=https://example.com/?token=[redacted]&x=1",
    );
    check(
        &format!("key sk-ant-{} here", "a1B2".repeat(6)),
        "key [redacted] here",
    );
    check("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]");
    check("AKIAIOSFODNN7EXAMPLE", "[redacted]");
    check("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[redacted]");
    check("card 4111 1111 1111 1111 ok", "card [redacted] ok");
    check("card 4111-1111-1111-1112 no", "card 4111-1111-1111-1112 no");
    check("at 1700000000000000 us", "at 1700000000000000 us");
    check(
        "max_tokens=100 token_count: 7",
        "max_tokens=100 token_count: 7",
    );
    check(
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nowIB\n-----END RSA PRIVATE KEY----- after",
        "[redacted] after",
    );
}

#[test]
fn secrets_in_json_are_found() {
    let value = json!({
        "user": "ann",
        "Password": "hunter2",
        "nested": [{"X-Api-Key": {"a": 1}}, [["cookie", "sid=1"], ["accept", "*/*"]]],
        "headers": [{"name": "Authorization", "value": "xyz"}, {"name": "Accept", "value": "*/*"}],
        "body": "{\"page\":2,\"token\":\"t1\"}",
        "card": 4111111111111111_u64,
        "at": 1700000000000000_u64,
        "max_tokens": 100,
        "password_hint": null,
        "https://ann:pw@example.com": 1,
    });
    let clean = Redactor::new().value("", value).unwrap();
    assert_eq!(
        clean,
        json!({
            "user": "ann",
            "Password": "[redacted]",
            "nested": [{"X-Api-Key": "[redacted]"}, [["cookie", "[redacted]"], ["accept", "*/*"]]],
            "headers": [{"name": "Authorization", "value": "[redacted]"}, {"name": "Accept", "value": "*/*"}],
            "body": "{\"page\":2,\"token\":\"[redacted]\"}",
            "card": "[redacted]",
            "at": 1700000000000000_u64,
            "max_tokens": 100,
            "password_hint": null,
            "https://[redacted]@example.com": 1,
        })
    );
}

#[test]
fn custom_rules_apply() {
    let redactor = Redactor::new()
        .key("Membership-Number")
        .pattern("ticket", r"TICKET-\d+")
        .unwrap()
        .with(|key, text| (key == "email").then(|| format!("<{} characters>", text.len())));
    let clean = redactor
        .value(
            "",
            json!({"membershipNumber": 7, "note": "TICKET-12", "email": "a@b.c"}),
        )
        .unwrap();
    assert_eq!(
        clean,
        json!({"membershipNumber": "[redacted]", "note": "[redacted]", "email": "<5 characters>"})
    );
    let error = Redactor::new().pattern("broken", "(").unwrap_err();
    assert!(
        error.is_invalid() && error.to_string().contains("broken"),
        "{error}"
    );
    assert!(
        Redactor::new()
            .pattern("empty", "x*")
            .unwrap_err()
            .is_invalid()
    );
    assert_eq!(
        Redactor::none().text("password=hunter2").unwrap(),
        "password=hunter2"
    );
    let debug = format!("{redactor:?}");
    assert!(
        debug.contains("ticket") && !debug.contains("TICKET"),
        "{debug}"
    );
}

#[test]
fn a_panic_of_the_redactor_stores_nothing_and_is_counted() {
    let redactor = Redactor::new().with(|_, text| {
        if text.contains("boom") {
            panic!("boom")
        } else {
            None
        }
    });
    assert!(redactor.text("boom").is_err());
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::builder()
        .redactor(redactor)
        .open(folder.path().join("activity.db"))
        .unwrap();
    let running = log.start(Describe::job("careful"));
    running.set_input(&json!({"text": "boom-payload"}), Capture::Full);
    running.set("note", "boom-attribute");
    running.set_actor(String::from("boom-actor"));
    running.end(Outcome::failed("x").with_message(String::from("boom-message")));
    let row = rows(&log).one("careful");
    assert!(row.input.is_none());
    assert_eq!(log.accounting().redactor_panics, 4);
    log.shutdown().wait().unwrap();
    nowhere(folder.path(), "boom-");
}

#[test]
fn payloads_are_redacted_on_the_writer_thread() {
    let caller = std::thread::current().id();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let threads = seen.clone();
    let redactor = Redactor::new().with(move |key, text| {
        let thread = std::thread::current().id();
        threads.lock().unwrap().push((key.to_owned(), thread));
        (text == "private").then(|| "[mine]".to_owned())
    });
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::builder()
        .redactor(redactor)
        .open(folder.path().join("activity.db"))
        .unwrap();
    let running = log.start(Describe::job("quick"));
    running.set_input(&json!({"in": "private"}), Capture::Preview);
    running.set_output(&json!({"out": "private"}), Capture::Full);
    running.end(Outcome::success());
    let row = rows(&log).one("quick");
    assert_eq!(row.input.unwrap().text, r#"{"in":"[mine]"}"#);
    assert_eq!(row.output.unwrap().text, r#"{"out":"[mine]"}"#);
    let seen = seen.lock().unwrap();
    for payload in ["in", "out"] {
        let mut threads = seen.iter().filter(|(key, _)| key == payload).peekable();
        assert!(threads.peek().is_some());
        assert!(threads.all(|(_, thread)| *thread != caller));
    }
}

#[test]
fn no_file_of_a_log_contains_a_secret() {
    const SECRET: &str = "hunter2hunter2";
    let folder = tempfile::tempdir().unwrap();
    let log = ActivityLog::open(folder.path().join("activity.db")).unwrap();
    let leak = format!("https://ann:{SECRET}@example.com/?token={SECRET}");
    let arguments = json!({
        "password": SECRET,
        "deep": {"list": [{"api_key": SECRET}, leak]},
        "text": format!("Authorization: Bearer {SECRET}"),
        "json": json!({"client_secret": SECRET}).to_string(),
        "padding": "x".repeat(3_900),
        "at_the_cap": format!("password={SECRET}"),
    });
    let running = log.start(
        Describe::tool(format!("fetch {leak}"))
            .actor(leak.clone())
            .session(format!("token={SECRET}"))
            .attribute("url", leak.clone()),
    );
    running.set_input(&arguments, Capture::Preview);
    running.set_output(&arguments, Capture::Full);
    running.set("password", SECRET);
    running.set(format!("password={SECRET}"), 1);
    running.set("arguments", arguments.clone());
    running.set_brand(leak.clone());
    // Written while it runs, then ended.
    log.flush().wait().unwrap();
    nowhere(folder.path(), SECRET);
    let failed =
        Outcome::failed(format!("token={SECRET}")).with_message(format!("could not reach {leak}"));
    log.start(Describe::job("child").parent(&running))
        .end(failed);
    log.start(Describe::job("panics")).run_quietly(&leak);
    running.end(Outcome::success());
    log.flush().wait().unwrap();
    nowhere(folder.path(), SECRET);
    log.shutdown().wait().unwrap();
    nowhere(folder.path(), SECRET);
}

trait RunQuietly {
    fn run_quietly(self, leak: &str);
}

impl RunQuietly for tower_activity::activity::ActivityGuard {
    /// Panics with the secret in the message.
    fn run_quietly(self, leak: &str) {
        let leak = leak.to_owned();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.run(|| {
                Activity::current().set("seen", true);
                std::panic::resume_unwind(Box::new(leak));
            });
        }));
        assert!(panicked.is_err());
    }
}

/// Searches every byte of every file.
fn nowhere(folder: &std::path::Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            nowhere(&path, secret);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {}", path.display());
    }
}

/// A payload with a secret at an arbitrary place.
fn planted(secret: &'static str) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"password": secret})),
        Just(json!(format!("https://u:{secret}@h/?token={secret}"))),
        Just(json!(format!("Bearer {secret}"))),
        Just(json!([["Cookie", secret], 1])),
        any::<String>().prop_map(move |text| json!(format!("{text} api_key={secret}"))),
        any::<String>().prop_map(move |text| json!({text: {"clientSecret": [secret, secret]}})),
    ];
    leaf.prop_recursive(6, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            (any::<String>(), inner.clone()).prop_map(|(key, value)| json!({key: value})),
            inner.prop_map(|value| json!(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn no_planted_secret_survives_at_any_cap(payload in planted("s3cr3t-v4lu3-1234567"), cap in 0..500_usize) {
        let redactor = Redactor::new();
        let preview = redactor.preview(&payload, cap).unwrap();
        prop_assert!(!preview.text.contains("s3cr3t"), "{}", preview.text);
        prop_assert!(preview.text.len() <= cap);
        let once = redactor.value("", payload).unwrap();
        prop_assert_eq!(redactor.value("", once.clone()).unwrap(), once);
    }

    #[test]
    fn a_number_is_kept_as_it_is(float in any::<f64>(), near in -1e3..1e3, whole in any::<i64>(), sign in "-?", digits in "[1-9][0-9]{10,20}") {
        let redactor = Redactor::new();
        let long: Value = serde_json::from_str(&format!("{sign}{digits}")).unwrap();
        for number in [json!(float), json!(near), json!(whole), long] {
            let redacted = redactor.value("", number.clone()).unwrap();
            // A card number has no sign and no point.
            let is_whole = number.to_string().bytes().all(|byte| byte.is_ascii_digit());
            prop_assert!(redacted == number || is_whole && redacted == json!("[redacted]"), "{number}: {redacted}");
        }
    }

    #[test]
    fn redacting_any_text_is_idempotent_and_does_not_panic(text in "\\PC{0,80}|[a-z=:&?@ \"'/\\[\\]{}\\\\]{0,60}") {
        let redactor = Redactor::new();
        let once = redactor.text(&text).unwrap().into_owned();
        prop_assert_eq!(redactor.text(&once).unwrap(), once.as_str());
    }
}

#[test]
fn a_text_that_was_redacted_does_not_name_its_neighbour() {
    let secret = "s3cr3t-v4lu3-1234567";
    let text = format!("[\" api_key={secret}\",\"https://u:{secret}@h/?token={secret}\"]");
    for payload in [
        json!([text, {"password": secret}]),
        json!({"name": text, "value": {"password": secret}}),
    ] {
        let redactor = Redactor::new();
        let once = redactor.value("", payload).unwrap();
        assert!(!once.to_string().contains("s3cr3t"), "{once}");
        assert_eq!(redactor.value("", once.clone()).unwrap(), once);
    }
}

#[test]
fn deep_nesting_is_cut_off() {
    let mut value = json!("deep");
    for _ in 0..1_000 {
        value = json!([value]);
    }
    let clean = Redactor::new().value("", value).unwrap().to_string();
    assert!(clean.contains("[too deep]"));
}

/// Collects the patterns that the redactor's warnings name.
struct Said(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Said {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Visit(String);
        impl tracing::field::Visit for Visit {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "pattern" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        if event.metadata().target() == "tower_activity::redact" {
            let mut visit = Visit(String::new());
            event.record(&mut visit);
            self.0.lock().unwrap().push(visit.0);
        }
    }
}

#[test]
fn a_slow_pattern_is_reported_once() {
    use tracing_subscriber::layer::SubscriberExt;
    let said = Said(std::sync::Arc::default());
    let heard = said.0.clone();
    let redactor = Redactor::new()
        .pattern("quick", r"TICKET-\d+")
        .unwrap()
        .pattern("quadratic", ".*[^A-Z]|[A-Z]")
        .unwrap();
    let text = "A".repeat(6 << 10);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(said), || {
        redactor.text("TICKET-1").unwrap();
        redactor.text(&text).unwrap();
        redactor.text(&text).unwrap();
    });
    assert_eq!(*heard.lock().unwrap(), [r#""quadratic""#]);
}
