//! Checks whether the built pages are up to date with their sources.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the pages' sources, in the repository.
pub(crate) const PAGES: &str = "src/web/pages";
/// The API's description, beside the pages: the types of responses are generated from it.
const DESCRIPTION: &str = "../openapi.json";
/// The generated types; not committed.
const GENERATED: &str = "generated";
/// The folder of the built pages, beside the sources; not committed.
pub(crate) const BUILT: &str = "dist";
/// The file in that folder with the stamp of the sources.
pub(crate) const STAMP: &str = "sources";

/// Returns a hash of the sources: FNV-1a over names and contents, which suffices to detect changes.
pub(crate) fn stamp(pages: &Path) -> io::Result<String> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in sources(pages)? {
        // With the same separator on every platform.
        let parts = file.strip_prefix(pages).unwrap_or(&file).iter();
        let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/");
        let contents = fs::read(&file)?;
        for byte in name.bytes().chain(contents) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}

/// The sources, in order.
pub(crate) fn sources(pages: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(pages, &mut files)?;
    files.push(pages.join(DESCRIPTION));
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // Hidden files and tests do not affect the build.
        let left_out = [BUILT, GENERATED, "node_modules", "e2e"]
            .iter()
            .any(|one| name == *one)
            || name.to_string_lossy().starts_with('.');
        if left_out {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), into)?,
            false => into.push(entry.path()),
        }
    }
    Ok(())
}
