//! The folder that the tools may read, and nothing outside of it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A folder that no path can leave, by `..` or by links.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        let found = fs::canonicalize(folder).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot read the folder {}: {error}", folder.display()),
            )
        })?;
        Ok(Root(found))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file that a relative path names, if that is inside.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf, String> {
        let found = fs::canonicalize(self.0.join(path))
            .map_err(|error| format!("cannot read {path:?}: {error}"))?;
        if !found.starts_with(&self.0) {
            return Err(format!(
                "{path:?} is outside of the folder that may be read"
            ));
        }
        // A pipe or a device would block its reader.
        if !found.is_file() {
            return Err(format!("{path:?} is not a file"));
        }
        Ok(found)
    }
}
