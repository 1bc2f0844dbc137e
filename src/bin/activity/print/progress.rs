//! Progress of long work: one line on stderr, none when stderr is not a terminal.

use std::io::{self, IsTerminal, Write};

use crate::print::bar::{LONGEST, bar};

/// A progress bar that is cleared when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    doing: &'static str,
    is_terminal: bool,
    /// The share on the screen, in thousandths: a terminal is slower than the work.
    shown: Option<u64>,
}

impl Progress {
    pub(crate) fn begin(doing: &'static str) -> Self {
        Progress {
            doing,
            is_terminal: io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// Shows the share that is done, from 0 to 1.
    pub(crate) fn at(&mut self, share: f64) {
        let thousandths = (share.clamp(0.0, 1.0) * 1_000.0) as u64;
        if self.is_terminal && self.shown != Some(thousandths) {
            self.shown = Some(thousandths);
            write(&line(self.doing, thousandths));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(thousandths) = self.shown {
            let columns = line(self.doing, thousandths).chars().count();
            write(&" ".repeat(columns));
        }
    }
}

fn line(doing: &str, thousandths: u64) -> String {
    let bar = bar(thousandths, 1_000);
    format!("{doing} {bar:<LONGEST$} {:>3} %", thousandths / 10)
}

/// Writes over the line, and leaves the cursor at its start. No escape sequence: not every terminal knows them.
fn write(line: &str) {
    // The work goes on when its progress cannot be shown.
    let _ = io::stderr().write_all(format!("\r{line}\r").as_bytes());
}
