//! A central store whose answers may be lost.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use tower_activity::{
    Error, ErrorKind, Result,
    store::{
        Accepted, CentralStore, ForwardBatch, ForwardedLog, Intake, LogState, Places, Reader,
        Store, sealed::WriteSide,
    },
};

/// When the answer to a batch is lost.
#[derive(Debug, Clone, Copy)]
pub enum Lost {
    Never,
    BeforeCommit,
    AfterCommit,
    /// The process is killed.
    KilledBeforeCommit,
    KilledAfterCommit,
}

/// A store whose answers may be lost.
#[derive(Debug, Clone)]
pub struct Lossy {
    pub inner: Arc<dyn CentralStore>,
    pub lost: Lost,
    /// The bounds of all batches that were sent.
    pub sent: Arc<Mutex<Vec<(Places, Places)>>>,
}

struct LossyIntake {
    inner: Box<dyn Intake>,
    of: Lossy,
}

impl Store for Lossy {
    fn reader(&self) -> Result<Box<dyn Reader>> {
        self.inner.reader()
    }

    fn name(&self) -> String {
        self.inner.name()
    }
}

impl CentralStore for Lossy {
    fn intake(&self) -> Result<Box<dyn Intake>> {
        Ok(Box::new(LossyIntake {
            inner: self.inner.intake()?,
            of: self.clone(),
        }))
    }
}

impl WriteSide for LossyIntake {}

impl Intake for LossyIntake {
    fn connect(&mut self, log: &ForwardedLog) -> Result<Accepted> {
        self.inner.connect(log)
    }

    fn accept(&mut self, batch: &ForwardBatch) -> Result<()> {
        self.of
            .sent
            .lock()
            .unwrap()
            .push((batch.after, batch.up_to));
        let lost = || Err(Error::new(ErrorKind::Store, "the connection was lost"));
        match self.of.lost {
            Lost::Never => self.inner.accept(batch),
            Lost::BeforeCommit => lost(),
            Lost::AfterCommit => self.inner.accept(batch).and_then(|()| lost()),
            // Nothing is written to the file after this, nor sent.
            Lost::KilledBeforeCommit => resume_unwind(Box::new("killed")),
            Lost::KilledAfterCommit => {
                self.inner.accept(batch)?;
                resume_unwind(Box::new("killed"))
            }
        }
    }

    fn update(&mut self, state: &LogState) -> Result<()> {
        self.inner.update(state)
    }

    fn fold(&mut self) -> Result<u64> {
        self.inner.fold()
    }

    fn fold_accepted(&mut self) -> Result<()> {
        self.inner.fold_accepted()
    }

    fn disconnect(&mut self) -> Result<()> {
        self.inner.disconnect()
    }
}
