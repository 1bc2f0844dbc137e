//! The start of a payload, before redaction.

use std::fmt;

use serde::Serialize;

use crate::redact::window::{MAX_RULE, Window};

/// The unredacted start of a payload: copied by the call, and redacted by the writer thread before it is stored.
#[derive(Clone)]
pub(crate) struct RawPreview {
    pub(super) window: Window,
    pub(super) cap: usize,
}

impl RawPreview {
    /// Copies the bytes needed for a preview of `cap` bytes.
    pub(crate) fn new(payload: &impl Serialize, cap: usize) -> Self {
        let mut window = Window::new(payload, cap.saturating_add(MAX_RULE));
        // The string grew by doubling, and its capacity counts against the memory limit.
        window.text.shrink_to_fit();
        RawPreview { window, cap }
    }

    /// The payload is only the beginning of one: a secret at its end may be cut in half.
    #[cfg(feature = "mcp")]
    pub(crate) fn mark_cut(&mut self) {
        (self.window.complete, self.window.cut) = (false, true);
    }

    /// Returns its size in memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        size_of::<RawPreview>() + self.window.text.capacity()
    }
}

impl fmt::Debug for RawPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.window.bytes;
        f.debug_struct("RawPreview")
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
