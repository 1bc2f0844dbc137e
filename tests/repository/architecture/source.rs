//! The library's source files, and the code in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the text without comments, literals and `#[cfg(test)]` modules.
pub fn production(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => string_end(rest),
            'r' if raw_hashes(rest).is_some()
                && !out.ends_with(|c: char| c.is_alphanumeric() || c == '_') =>
            {
                let close = format!("\"{}", "#".repeat(raw_hashes(rest).unwrap()));
                let from = close.len() + 1;
                rest[from..]
                    .find(&close)
                    .map_or(rest.len(), |at| from + at + close.len())
            }
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\") => rest[2..].find('\'').map_or(2, |at| at + 3).max(4),
            '\'' if rest.starts_with("'{'") || rest.starts_with("'}'") => 3,
            _ => 0,
        };
        if skipped == 0 {
            out.push(c);
        }
        rest = &rest[skipped.max(c.len_utf8())..];
    }
    without_tests(&out)
}

/// Returns the number of `#` that open the raw string here.
fn raw_hashes(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|byte| *byte == b'#').count();
    text[1 + hashes..].starts_with('"').then_some(hashes)
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn without_tests(text: &str) -> String {
    let Some((before, after)) = text.split_once("#[cfg(test)]") else {
        return text.to_owned();
    };
    let end = match after.find(['{', ';']) {
        Some(at) if after[at..].starts_with('{') => {
            let mut depth = 0;
            let close = after
                .char_indices()
                .skip_while(|(i, _)| *i < at)
                .find(|(_, c)| {
                    depth += i32::from(*c == '{') - i32::from(*c == '}');
                    depth == 0
                });
            close.map_or(after.len(), |(at, _)| at + 1)
        }
        Some(at) => at + 1,
        None => after.len(),
    };
    format!("{before}{}", without_tests(&after[end..]))
}

/// Returns all Rust files under a folder of the repository, without separate test files.
pub fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("tests.rs")
            {
                found.push(path);
            }
        }
    }
    assert!(
        !found.is_empty() || folder == "examples",
        "no Rust files in {folder}"
    );
    found
}

pub fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
