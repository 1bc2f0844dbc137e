//! How much memory the process has taken at most, in KB; 0 where the system does not say.

use std::fs;

/// Begins to look for the peak, and gives what is taken now.
pub(crate) fn peak_from_now() -> u64 {
    // Where it cannot be reset the peak is that of the whole run: never too low.
    let _ = fs::write("/proc/self/clear_refs", "5");
    line("VmRSS:")
}

/// The peak since then.
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
