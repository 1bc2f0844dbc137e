//! Names the files that run in browsers, so that the library can carry them.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the dashboard, within the built files.
const DASHBOARD: &str = "dashboard";
/// The list of its files: an expression of type `&[(&str, &[u8])]`.
const LIST: &str = "dashboard.rs";
/// The recorder's script, within the built files.
const RECORDER: &str = "record.js";
/// Its content: an expression of type `Option<&str>`.
const SCRIPT: &str = "recorder.rs";

/// Writes the names and paths of the files; empty if the pages are not built.
pub(crate) fn list(built: &Path) -> io::Result<()> {
    let built = env::current_dir()?.join(built);
    let folder = built.join(DASHBOARD);
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap_or(file);
        let name = name.to_string_lossy().replace('\\', "/");
        let path = file.to_string_lossy();
        writeln!(list, "    ({name:?}, include_bytes!({path:?}) as &[u8]),")
            .map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    let out = PathBuf::from(out);
    fs::write(out.join(LIST), list)?;
    let script = built.join(RECORDER);
    let script = match script.is_file() {
        true => format!("Some(include_str!({:?}))", script.to_string_lossy()),
        false => String::from("None"),
    };
    fs::write(out.join(SCRIPT), script)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), into)?,
            false => into.push(entry.path()),
        }
    }
    Ok(())
}
