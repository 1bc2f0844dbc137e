//! Reporting of repeated failures.

use crate::{
    error::Error,
    host::Host,
    log::ActivityLog,
    record::{Status, Text},
};

/// Reports only the first of consecutive failures: as an event, and as a warning in the log.
#[derive(Debug, Default)]
pub(super) struct FailureLatch {
    /// True if the last attempt failed.
    failing: bool,
}

impl FailureLatch {
    /// Updates the latch with the result of an attempt, and reports the failure if the one before succeeded.
    pub(super) fn update<T>(
        &mut self,
        result: &Result<T, Error>,
        log: &ActivityLog,
        event: &'static str,
        host: &Host,
    ) {
        let Err(error) = result else {
            self.failing = false;
            return;
        };
        if !std::mem::replace(&mut self.failing, true) {
            let why = format!("{error:#}");
            tracing::warn!(target: "tower_activity::host", host = host.name(), why, "{event}");
            log.event(event)
                .status(Status::Failed)
                .reference(Text::from(host.name().to_owned()))
                .summary(why)
                .record();
        }
    }
}
