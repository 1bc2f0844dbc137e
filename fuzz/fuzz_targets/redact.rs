//! Redaction never panics, is idempotent, and takes linear time.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_activity::redact::Redactor;
use tower_activity_fuzz::linear;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    let once = REDACTOR
        .text(text)
        .expect("redaction never panics")
        .into_owned();
    let twice = REDACTOR.text(&once).expect("redaction never panics");
    assert_eq!(twice, once, "redaction is not idempotent");
    linear("", text, 64 << 10, |long| {
        let _ = REDACTOR.text(long);
    });
});
