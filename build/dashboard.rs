//! Lists the files of the dashboard, so that the library can carry them.

use std::{
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

/// The folder of the dashboard, among what is built.
const DASHBOARD: &str = "dashboard";
/// The list: an expression of type `&[(&str, &[u8])]`.
const LIST: &str = "dashboard.rs";

/// Writes the names of the files, and where they are.
pub(crate) fn list(built: &Path) -> io::Result<()> {
    let folder = env::current_dir()?.join(built).join(DASHBOARD);
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
    fs::write(PathBuf::from(out).join(LIST), list)
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
