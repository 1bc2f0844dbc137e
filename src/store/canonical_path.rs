//! Canonical paths, also of files that do not exist yet.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most symbolic links that are followed, as on Linux.
const MAX_LINKS: usize = 40;

/// Returns the path without symbolic links.
///
/// For a file that does not exist yet, or a link to one, it is the canonical path of the directory and the file's name, so
/// that a store has one name before and after it is created.
pub(crate) fn canonical_path(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(real) = fs::canonicalize(&path) {
            return real;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return path;
        };
        let Ok(folder) = fs::canonicalize(folder) else {
            return path;
        };
        let new = folder.join(name);
        match fs::read_link(&new) {
            Ok(target) => path = folder.join(target),
            Err(_) => return new,
        }
    }
    path
}
