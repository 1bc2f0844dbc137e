//! Files of the registry's cache and of this repository: ordinary texts. Nothing of others is kept here.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Documentation, web pages, style sheets, manifests, lock files and logs. Not the workflows and scripts of database crates,
/// which set passwords.
const ORDINARY: &[&str] = &[
    "md", "html", "css", "lock", "toml", "log", "txt", "ts", "tsx", "sql",
];

/// Where cargo unpacks what it downloads.
pub(crate) fn registry() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    home.unwrap_or_default().join("registry/src")
}

/// The files whose texts are ordinary, those of the repository at `root` last.
pub(crate) fn ordinary(root: &Path) -> Vec<PathBuf> {
    let mut files = gather(&registry(), ORDINARY);
    for folder in ["docs", "examples", "xtask"] {
        files.extend(gather(&root.join(folder), ORDINARY));
    }
    let sources = gather(&root.join("src"), &["rs", "ts", "tsx", "css", "html"]);
    files.extend(sources);
    // The rules and their tests are about secrets.
    files.retain(|path| !path.to_string_lossy().contains("redact"));
    files
}

/// The files of a folder that have one of these extensions, in the order of their names.
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
