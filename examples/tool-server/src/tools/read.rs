//! Reads a text file.

use std::{fs::File, io::Read};

use crate::root::Root;

/// The maximum number of bytes that are returned.
const MAX_BYTES: u64 = 64 << 10;

/// Returns the beginning of a text file.
pub(crate) fn read(root: &Root, path: &str) -> Result<String, String> {
    let failed = |error| format!("cannot read {path:?}: {error}");
    let file = File::open(root.file(path)?).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.contains(&0) {
        return Err(format!("{path:?} is not a text file"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
