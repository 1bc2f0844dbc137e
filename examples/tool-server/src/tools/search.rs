//! Searches a source tree for a text.

use std::fs;

use ignore::WalkBuilder;
use serde::Serialize;

use crate::root::Root;

/// The maximum number of lines of one search.
const MAX_HITS: usize = 100;
/// Larger files are skipped.
const MAX_FILE_BYTES: u64 = 1 << 20;

#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    pub(crate) files_searched: usize,
    /// True if there were more matches.
    pub(crate) truncated: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Hit {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Finds the lines that contain `text`, in files that `.gitignore` does not exclude.
pub(crate) fn search(root: &Root, text: &str) -> Result<Found, String> {
    if text.is_empty() {
        return Err("the text to search for is empty".into());
    }
    let mut found = Found {
        hits: Vec::new(),
        files_searched: 0,
        truncated: false,
    };
    let files = WalkBuilder::new(root.path())
        .max_filesize(Some(MAX_FILE_BYTES))
        .sort_by_file_path(Ord::cmp)
        .build()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
    for entry in files {
        // A file that is not text, or cannot be read, has no lines.
        let Ok(content) = fs::read_to_string(entry.path()) else {
            continue;
        };
        found.files_searched += 1;
        let path = entry
            .path()
            .strip_prefix(root.path())
            .unwrap_or(entry.path());
        for (index, line) in content
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(text))
        {
            if found.hits.len() == MAX_HITS {
                found.truncated = true;
                return Ok(found);
            }
            found.hits.push(Hit {
                path: path.display().to_string(),
                line: index + 1,
                text: line.trim().chars().take(200).collect(),
            });
        }
    }
    Ok(found)
}
