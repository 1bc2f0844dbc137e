//! How much of a payload is stored.

/// How much of a payload is stored. Payloads are redacted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Capture {
    /// Nothing. The default, because payloads contain secrets and personal data.
    #[default]
    Off,
    /// The first 4 KiB.
    Preview,
    /// All of it, within the log's memory limit.
    Full,
}

impl Capture {
    /// Returns the most bytes to store.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            Capture::Off => 0,
            Capture::Preview => 4096,
            Capture::Full => usize::MAX,
        }
    }
}
