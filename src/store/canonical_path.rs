//! The one name of a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// So many links lead to a file at most, as on Linux.
const MOST_LINKS: usize = 40;

/// The path without links. Of a file that is yet to be made, also by a link that leads nowhere yet, that of its folder
/// with the file's name.
pub(crate) fn canonical_path(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
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
