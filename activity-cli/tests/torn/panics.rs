//! Panics of any thread, those too that somebody catches.

use std::{
    panic,
    sync::{Mutex, Once},
};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From here on, panics in the library are remembered.
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

/// Fails when there were any.
#[track_caller]
pub fn assert_none(what: &str) {
    let seen = SEEN.lock().unwrap();
    assert!(seen.is_empty(), "{what}: {seen:#?}");
}
