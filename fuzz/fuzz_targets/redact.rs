//! Redacting never panics, twice is once, and no input takes long.
#![no_main]

use std::{sync::LazyLock, time::Instant};

use libfuzzer_sys::fuzz_target;
use tower_activity::redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(Redactor::new);

fuzz_target!(|text: &str| {
    let once = REDACTOR.text(text).expect("it never panics").into_owned();
    let twice = REDACTOR.text(&once).expect("it never panics");
    assert_eq!(twice, once, "twice is not once");
    // Repeated to 64 KiB: linear takes some milliseconds, also with a sanitizer; quadratic takes seconds.
    if !text.is_empty() && text.len() < 64 {
        let long = text.repeat((64 << 10) / text.len());
        let start = Instant::now();
        let _ = REDACTOR.text(&long);
        assert!(start.elapsed().as_millis() < 1_000, "it takes too long");
    }
});
