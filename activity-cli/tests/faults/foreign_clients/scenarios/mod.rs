//! Minimal stories that have found losses, and every act alone.

mod alone;
mod copies;
mod destroyed;
mod reading;
mod side_files;
mod wal;

use crate::foreign_clients::story::Story;

/// Fails the test with the reports of all stories that have faults.
fn check(stories: impl IntoIterator<Item = Story>) {
    let stories: Vec<Story> = stories.into_iter().collect();
    let wrong = stories.iter().filter(|story| !story.faults().is_empty());
    let reports: Vec<String> = wrong.map(Story::report).collect();
    assert!(
        reports.is_empty(),
        "{} of {} stories:\n\n{}",
        reports.len(),
        stories.len(),
        reports.join("\n")
    );
}
