//! Counts panics in all threads, also caught ones.

use std::{
    panic,
    sync::{Mutex, Once},
};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts to record panics in the library.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = info
                .location()
                .is_some_and(|at| at.file().contains("tests/"));
            if !ours {
                SEEN.lock().unwrap().push(info.to_string());
            }
            before(info);
        }));
    });
}

/// Asserts that there were none.
#[track_caller]
pub fn assert_none(what: &str) {
    let seen = SEEN.lock().unwrap();
    assert!(seen.is_empty(), "{what}: {seen:#?}");
}
