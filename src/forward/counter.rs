//! Counts accepted batches in the sums on a connection of its own.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

use uuid::Uuid;

use crate::{
    error::Result,
    store::{CentralStore, Intake},
};

/// Counts while batches are sent. What fails here is left to the connection that sends, which reports it.
pub(super) struct Counter {
    central: Arc<dyn CentralStore>,
    holder: Uuid,
    thread: Option<JoinHandle<Result<Box<dyn Intake>>>>,
    has_failed: bool,
}

impl Counter {
    pub(super) fn new(central: Arc<dyn CentralStore>, holder: Uuid) -> Self {
        Counter {
            central,
            holder,
            thread: None,
            has_failed: false,
        }
    }

    /// Begins to count, unless it is counting. Returns false if that has failed in this session.
    pub(super) fn begin(&mut self) -> bool {
        let is_counting = |thread: &JoinHandle<_>| !thread.is_finished();
        if self.has_failed || self.thread.as_ref().is_some_and(is_counting) {
            return !self.has_failed;
        }
        let intake = self.wait();
        if self.has_failed {
            return false;
        }
        let (central, holder) = (self.central.clone(), self.holder);
        let thread = thread::Builder::new().name("activity-forward-count".into());
        let thread = thread.spawn(move || {
            let mut intake = intake.map_or_else(|| central.intake(), Ok)?;
            intake.set_holder(holder);
            intake.fold()?;
            Ok(intake)
        });
        self.has_failed = thread.is_err();
        self.thread = thread.ok();
        !self.has_failed
    }

    /// Waits until it has counted, and closes its connection.
    pub(super) fn end(&mut self) {
        drop(self.wait());
    }

    /// Waits for the thread, and returns its connection.
    fn wait(&mut self) -> Option<Box<dyn Intake>> {
        let counted = self.thread.take()?.join();
        let intake = counted.ok().and_then(Result::ok);
        self.has_failed |= intake.is_none();
        intake
    }
}
