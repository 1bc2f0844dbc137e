//! Failures that come again and again, told once.

use crate::{
    error::Error,
    host::{Host, failure::error_chain},
    log::ActivityLog,
    record::{Status, Text},
};

/// Whether the last attempt failed. The first failure of a row is told: an event, and a warning.
#[derive(Debug, Default)]
pub(super) struct FailureLatch {
    lasts: bool,
}

impl FailureLatch {
    /// Takes note of how an attempt went.
    pub(super) fn note<T>(
        &mut self,
        done: &Result<T, Error>,
        log: &ActivityLog,
        event: &'static str,
        host: &Host,
    ) {
        let Err(error) = done else {
            self.lasts = false;
            return;
        };
        if !std::mem::replace(&mut self.lasts, true) {
            let why = error_chain(error);
            tracing::warn!(target: "tower_activity::host", host = host.name(), why, "{event}");
            log.event(event)
                .status(Status::Failed)
                .reference(Text::from(host.name().to_owned()))
                .summary(why)
                .record();
        }
    }
}
