//! Progress of long work: one line on stderr, none when stderr is not a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print::bar::LONGEST;

/// What a share of 1 is, in steps: a terminal is slower than the work.
const STEPS: f64 = 1_000.0;

/// A progress bar that is cleared when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn begin(doing: &'static str) -> Self {
        let template = format!("{{msg}} {{bar:{LONGEST}}} {{percent:>3}} %");
        let style = ProgressStyle::with_template(&template)
            .expect("the template has only keys that exist")
            .progress_chars("█▉▊▋▌▍▎▏ ");
        let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
        Progress(bar.with_style(style).with_message(doing))
    }

    /// Shows the share that is done, from 0 to 1.
    pub(crate) fn at(&mut self, share: f64) {
        self.0.set_position((share.clamp(0.0, 1.0) * STEPS) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
