//! The peak memory of the process, in KB; 0 if the system does not report it.

use std::fs;

/// Resets the peak. Returns the current memory.
pub(crate) fn peak_from_now() -> u64 {
    // If it cannot be reset, the peak is that of the whole run: never too low.
    let _ = fs::write("/proc/self/clear_refs", "5");
    line("VmRSS:")
}

/// Returns the peak since the reset.
pub(crate) fn peak() -> u64 {
    line("VmHWM:")
}

fn line(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}
