//! Progress bars on stderr, hidden if stderr is not a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::print::bar::MAX_WIDTH;

/// Resolution of the bar. Coarse, because a terminal is slower than the work.
const STEPS: f64 = 1_000.0;

/// A progress bar that is cleared when dropped.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(action: &'static str) -> Self {
        let template = format!("{{msg}} {{bar:{MAX_WIDTH}}} {{percent:>3}} %");
        let style = ProgressStyle::with_template(&template)
            .expect("the template has only keys that exist")
            .progress_chars("█▉▊▋▌▍▎▏ ");
        let bar = ProgressBar::with_draw_target(Some(STEPS as u64), ProgressDrawTarget::stderr());
        Progress(bar.with_style(style).with_message(action))
    }

    /// Sets the completed share, from 0 to 1.
    pub(crate) fn set(&mut self, share: f64) {
        self.0.set_position((share.clamp(0.0, 1.0) * STEPS) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
