//! How much of a payload is kept.

/// How much of a payload is kept. Whatever is kept is redacted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Capture {
    /// Nothing: the default, since payloads are where secrets and personal data are.
    #[default]
    Off,
    /// The first 4 KiB.
    Preview,
    /// All of it, as far as the log's memory goes.
    Full,
}

impl Capture {
    /// The most bytes that are kept.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            Capture::Off => 0,
            Capture::Preview => 4096,
            Capture::Full => usize::MAX,
        }
    }
}
