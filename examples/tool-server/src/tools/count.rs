//! Counts the lines of a source tree, slowly, until it is cancelled.

use std::{path::PathBuf, time::Duration};

use ignore::WalkBuilder;
use serde::Serialize;
use tokio::{fs, task::spawn_blocking, time::sleep};

use crate::root::Root;

/// Larger files are skipped.
const MAX_FILE_BYTES: u64 = 1 << 20;

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
    let root = root.clone();
    let counting = async {
        // On a blocking thread: a slow disk must not delay other calls.
        let found = spawn_blocking(move || files(&root))
            .await
            .unwrap_or_default();
        tracing::info!(files = found.len(), "counting");
        for file in found {
            sleep(pause).await;
            // A file that is not text has no lines.
            let lines = fs::read_to_string(file).await;
            count.files += 1;
            count.lines += lines.map_or(0, |text| text.lines().count());
        }
    };
    tokio::select! {
        () = counting => {}
        () = cancelled => {}
    }
    count
}

fn files(root: &Root) -> Vec<PathBuf> {
    WalkBuilder::new(root.path())
        .max_filesize(Some(MAX_FILE_BYTES))
        .build()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
        .map(ignore::DirEntry::into_path)
        .collect()
}
