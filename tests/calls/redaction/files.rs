//! Ordinary texts: files of the registry's cache and of this repository. No foreign text is stored here.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Documentation, web pages, style sheets, manifests, lock files and logs. Not workflows and scripts: those of database
/// crates set passwords.
const ORDINARY: &[&str] = &[
    "md", "html", "css", "lock", "toml", "log", "txt", "ts", "tsx", "sql",
];

/// Returns the folder that cargo unpacks downloaded crates into.
pub(crate) fn registry() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.unwrap_or_default().join("registry/src")
}

/// Returns files with ordinary texts, those of the repository at `root` last.
pub(crate) fn ordinary(root: &Path) -> Vec<PathBuf> {
    let mut files = gather(&registry(), ORDINARY);
    for folder in ["docs", "examples", "xtask"] {
        files.extend(gather(&root.join(folder), ORDINARY));
    }
    let sources = gather(&root.join("src"), &["rs", "ts", "tsx", "css", "html"]);
    files.extend(sources);
    // The rules and their tests contain secrets.
    files.retain(|path| !path.to_string_lossy().contains("redact"));
    files
}

/// Returns the files of a folder with one of these extensions, sorted by name.
pub(crate) fn gather(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        let built = ["target", "node_modules", "dist", ".git"];
        let extension = path.extension().and_then(|found| found.to_str());
        if path.is_dir() {
            if !built.iter().any(|name| path.ends_with(name)) {
                files.extend(gather(&path, extensions));
            }
        } else if extension.is_some_and(|found| extensions.contains(&found)) {
            files.push(path);
        }
    }
    files
}
