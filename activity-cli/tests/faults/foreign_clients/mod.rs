//! Foreign SQLite clients beside a writer of ours: no acknowledged row is lost, whatever they do to the file.
//!
//! The test binary runs itself again as the writer. `ACTIVITY_TEST_SEED` repeats one sequence, `ACTIVITY_TEST_KEEP=1`
//! keeps the folders, and `cargo xtask prove foreign-clients` tries every pair of acts.

mod act;
mod calls;
mod client;
mod ending;
mod perform;
mod place;
mod plan;
mod recorder;
mod scenarios;
mod sequences;
mod story;
mod writer;

/// The writer under test, where this binary was started as one.
#[test]
fn process_under_test() {
    if let Some(store) = std::env::var_os(recorder::STORE) {
        recorder::run(store.as_ref());
    }
}
