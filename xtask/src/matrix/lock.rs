//! The resolved dependencies of a program.

use std::{fs, path::Path};

use crate::run::Result;

/// The packages of a lock file.
pub(super) struct Locked(Vec<(String, String)>);

/// Reads the lock file in a folder.
///
/// # Errors
///
/// If there is none.
pub(super) fn read(place: &Path) -> Result<Locked> {
    let text = fs::read_to_string(place.join("Cargo.lock"))?;
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        rest.strip_suffix('"').map(str::to_owned)
    };
    let mut packages = Vec::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(found) = value(line, "name") {
            name = Some(found);
        } else if let (Some(version), Some(name)) = (value(line, "version"), name.take()) {
            packages.push((name, version));
        }
    }
    Ok(Locked(packages))
}

impl Locked {
    /// Returns the newest version of a package.
    pub(super) fn version(&self, package: &str) -> Option<&str> {
        self.versions(package).last()
    }

    /// Returns all versions of a package, oldest first.
    pub(super) fn versions(&self, package: &str) -> impl Iterator<Item = &str> {
        let found = self.0.iter().filter(move |(name, _)| name == package);
        found.map(|(_, version)| version.as_str())
    }
}
