//! Redaction never panics, is idempotent, and takes linear time.
#![no_main]

use std::{sync::LazyLock, time::Instant};

use libfuzzer_sys::fuzz_target;
use tower_activity::redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    let once = REDACTOR.text(text).expect("redaction never panics").into_owned();
    let twice = REDACTOR.text(&once).expect("redaction never panics");
    assert_eq!(twice, once, "redaction is not idempotent");
    // Repeated to 64 KiB: linear time is some milliseconds, even with a sanitizer; quadratic time is seconds.
    if !text.is_empty() && text.len() < 64 {
        let long = text.repeat((64 << 10) / text.len());
        let start = Instant::now();
        let _ = REDACTOR.text(&long);
        assert!(start.elapsed().as_millis() < 1_000, "redaction takes too long");
    }
});
