//! Counts the lines of a source tree, slowly, for as long as somebody wants to know.

use std::{fs, time::Duration};

use ignore::WalkBuilder;
use serde::Serialize;
use tokio::time::sleep;

use crate::root::Root;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) files: usize,
    pub(crate) lines: usize,
}

/// Counts lines, pausing before every file, until everything is counted or `cancelled` is ready.
pub(crate) async fn count(
    root: &Root,
    pause: Duration,
    cancelled: impl Future<Output = ()>,
) -> Count {
    let mut count = Count::default();
    let counting = async {
        for entry in WalkBuilder::new(root.path()).build().filter_map(Result::ok) {
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                sleep(pause).await;
                // What is no text has no lines.
                let lines = fs::read_to_string(entry.path()).map_or(0, |text| text.lines().count());
                count.files += 1;
                count.lines += lines;
            }
        }
    };
    tokio::select! {
        () = counting => {}
        () = cancelled => {}
    }
    count
}
