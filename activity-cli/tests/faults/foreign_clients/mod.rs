//! Foreign SQLite clients beside our writer: whatever they do to the file, acknowledged records are kept.
//!
//! The test binary runs itself again as the writer. `ACTIVITY_TEST_SEED` repeats one sequence, `ACTIVITY_TEST_KEEP=1`
//! keeps the folders, and `cargo xtask prove foreign-clients` tries every pair of acts.

mod act;
mod calls;
mod client;
mod ending;
mod perform;
mod plan;
mod recorder;
mod scenarios;
mod sequences;
mod store_folder;
mod story;
mod writer;

/// Not a test itself: the writer, if this binary was started as one.
#[test]
fn process_under_test() {
    if let Some(store) = std::env::var_os(recorder::STORE) {
        recorder::run(store.as_ref());
    }
}
