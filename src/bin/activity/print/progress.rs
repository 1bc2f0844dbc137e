//! How far long work has come: one line on the terminal, none where nobody looks.

use std::io::{self, IsTerminal, Write};

use crate::print::bar::{LONGEST, bar};

/// A line that is written over and over.
#[derive(Debug)]
pub(crate) struct Progress {
    doing: &'static str,
    shown: bool,
    /// What stands there now, in tenths of a percent: a terminal is slower than the work.
    at: Option<u64>,
}

impl Progress {
    pub(crate) fn begin(doing: &'static str) -> Self {
        let shown = io::stderr().is_terminal();
        Progress {
            doing,
            shown,
            at: None,
        }
    }

    /// Shows the share that is done, from 0 to 1.
    pub(crate) fn at(&mut self, share: f64) {
        let tenths = (share.clamp(0.0, 1.0) * 1_000.0) as u64;
        if !self.shown || self.at == Some(tenths) {
            return;
        }
        self.at = Some(tenths);
        let bar = bar(tenths, 1_000);
        let line = format!("\r{} {bar:<LONGEST$} {:>3} %", self.doing, tenths / 10);
        // Progress that cannot be shown stops no work.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.at.is_some() {
            // The same.
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}
