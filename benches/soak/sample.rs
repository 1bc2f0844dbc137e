//! The figures that are sampled each second, from Linux's `/proc`; zero elsewhere.

use std::{fs, path::Path};

use benches::Failure;

/// The number of figures of a sample.
pub(crate) const FIGURES: usize = 8;

/// Name and unit of each figure, the number of base units per unit, and by how much, beside a quarter, a median may differ
/// between parts of a run that does not grow.
pub(crate) const NAMES: [(&str, &str, f64, f64); FIGURES] = [
    ("writer: memory (RSS)", "MB", 1e6, 6e6),
    ("writer: descriptors", "", 1.0, 1.0),
    ("writer: threads", "", 1.0, 0.0),
    ("readers: memory (RSS)", "MB", 1e6, 6e6),
    // A connection, a reader and a blocking thread for each client at once: there are eight.
    ("readers: descriptors", "", 1.0, 8.0),
    ("readers: threads", "", 1.0, 8.0),
    ("file", "MB", 1e6, 2e6),
    ("write-ahead log", "MB", 1e6, 8e6),
];

/// The figures of one second, in the order of [`NAMES`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample(pub(crate) [u64; FIGURES]);

impl Sample {
    pub(crate) fn new(writer: u32, readers: u32, path: &Path) -> Result<Self, Failure> {
        let [a, b, c] = process(writer)?;
        let [d, e, f] = process(readers)?;
        Ok(Sample([
            a,
            b,
            c,
            d,
            e,
            f,
            bytes(path),
            bytes(&crate::wal(path)),
        ]))
    }
}

/// Returns the bytes of a file; 0 if there is none.
pub(crate) fn bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Returns bytes of memory, descriptors and threads of a process.
fn process(id: u32) -> Result<[u64; 3], Failure> {
    if !Path::new("/proc/self/status").exists() {
        return Ok([0; 3]);
    }
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse().ok())
            .unwrap_or_default()
    };
    let descriptors = fs::read_dir(format!("/proc/{id}/fd"))?.count() as u64;
    Ok([line("VmRSS:") * 1024, descriptors, line("Threads:")])
}
