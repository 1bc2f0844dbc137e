//! What fuzz targets share: work on long inputs takes linear time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The most bytes of an input that is also tried repeated.
const UNIT: usize = 64;
/// Processor time that work on a repeated input may take. Linear time is some milliseconds, quadratic time many seconds.
const LIMIT: Duration = Duration::from_secs(2);

/// Repeats a short text to `bytes`, and fails if `work` on it takes more than linear time. `begin` is put before it.
///
/// # Panics
///
/// If it takes too long.
pub fn linear(begin: &str, unit: &str, bytes: usize, work: impl FnOnce(&str)) {
    linear_bytes(begin.as_bytes(), unit.as_bytes(), bytes, |long| {
        // Repeated text is text.
        work(str::from_utf8(long).unwrap_or_default());
    });
}

/// The same with bytes.
///
/// # Panics
///
/// If it takes too long.
pub fn linear_bytes(begin: &[u8], unit: &[u8], bytes: usize, work: impl FnOnce(&[u8])) {
    if unit.is_empty() || unit.len() >= UNIT {
        return;
    }
    let long = [begin, &unit.repeat(bytes / unit.len())].concat();
    let before = processor_time();
    work(&long);
    let took = processor_time() - before;
    assert!(
        took < LIMIT,
        "{:?} repeated to {bytes} bytes takes {took:?}",
        unit.escape_ascii().to_string()
    );
}

/// Processor time of this thread: a busy machine does not change it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.cast_unsigned(),
        time.tv_nsec.cast_unsigned() as u32,
    )
}
