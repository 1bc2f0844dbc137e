//! Texts with secrets in the forms that people write, and texts that only look like secrets.

use tower_activity::redact::Redactor;

use crate::redaction::cases::{Case, cases};

#[test]
fn secrets_are_found_in_every_form_and_nothing_else_changes() {
    let mut faults = Vec::new();
    let redactor = Redactor::new();
    for Case { text, expected, .. } in cases() {
        let clean = redactor.text(&text).unwrap();
        if clean != expected {
            faults.push(format!(
                "of       {text:?}\nexpected {expected:?}\ngot      {clean:?}"
            ));
        }
        if redactor.text(&clean).unwrap() != clean {
            faults.push(format!("twice is not once: {clean:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn secrets_are_found_in_surrounding_text() {
    let redactor = Redactor::new();
    for Case { text, secrets, .. } in cases().filter(|case| !case.secrets.is_empty()) {
        let secret = &secrets[0];
        for (before, after) in [
            ("", "\n"),
            ("\n", "\nrest"),
            ("log line before\n", "\n\nand after it\n"),
        ] {
            let clean = redactor
                .text(&format!("{before}{text}{after}"))
                .unwrap()
                .into_owned();
            assert!(
                !clean.contains(secret.as_str()),
                "{secret:?} is in {clean:?}"
            );
        }
    }
}

#[test]
fn the_corpus_has_enough_cases() {
    let (secret, kept): (Vec<Case>, Vec<Case>) = cases().partition(|case| !case.secrets.is_empty());
    assert!(
        secret.len() >= 150 && kept.len() >= 40,
        "{} and {}",
        secret.len(),
        kept.len()
    );
}
