//! The files in the assistant's folder.

use std::{fs, io, path::Path};

/// A title as the name of a file.
pub(crate) fn name(title: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() { c } else { '-' };
    title.chars().map(kept).collect::<String>().to_lowercase() + ".md"
}

/// Writes a file, and creates its folder if there is none.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// The names of the folders in a folder, sorted.
pub(crate) fn folders(of: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Copies the files that do not exist yet. Returns how many.
pub(crate) fn take_new(from: &Path, into: &Path) -> io::Result<usize> {
    fs::create_dir_all(into)?;
    let mut count = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = into.join(entry.file_name());
        if entry.file_type()?.is_file() && !copy.exists() {
            fs::copy(entry.path(), copy)?;
            count += 1;
        }
    }
    Ok(count)
}
