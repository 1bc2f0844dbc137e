//! Outages, as threads that work with a store in the background notice them.

use std::{
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::error::Error;

/// What a thread in the background reports: once when it begins to fail, and once when it works again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outage<'a> {
    /// The first of consecutive attempts has failed. The next one follows after the pause.
    Began {
        /// Why it has failed.
        error: &'a Error,
        /// The pause.
        retry_in: Duration,
    },
    /// An attempt has succeeded again.
    Ended {
        /// The time since the first failure.
        lasted: Duration,
        /// The number of records that waited for it; `None` if that is unknown.
        waiting: Option<u64>,
    },
}

type Listener = dyn Fn(Outage<'_>) + Send + Sync;

/// A callback for outages.
#[derive(Clone, Default)]
pub(crate) struct OutageListener(Option<Arc<Listener>>);

impl OutageListener {
    pub(crate) fn new(listener: impl Fn(Outage<'_>) + Send + Sync + 'static) -> Self {
        OutageListener(Some(Arc::new(listener)))
    }

    /// A listener that panics does not end the thread: the panic hook has reported it.
    fn call(&self, outage: Outage<'_>) {
        if let Some(listener) = &self.0
            && let Err(payload) = catch_unwind(AssertUnwindSafe(|| listener(outage)))
        {
            // It may panic when it is dropped.
            mem::forget(payload);
        }
    }
}

impl fmt::Debug for OutageListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutageListener({})", self.0.is_some())
    }
}

/// Notices outages from the results of attempts.
#[derive(Debug)]
pub(crate) struct OutageWatch {
    listener: OutageListener,
    since: Option<Instant>,
}

impl OutageWatch {
    pub(crate) fn new(listener: OutageListener) -> Self {
        OutageWatch {
            listener,
            since: None,
        }
    }

    /// An attempt has failed. Returns true for the first of consecutive ones.
    pub(crate) fn failed(&mut self, error: &Error, retry_in: Duration) -> bool {
        if self.since.is_some() {
            return false;
        }
        self.since = Some(Instant::now());
        self.listener.call(Outage::Began { error, retry_in });
        true
    }

    /// An attempt has succeeded. Returns true for the first one after a failure.
    pub(crate) fn succeeded(&mut self, waiting: impl FnOnce() -> Option<u64>) -> bool {
        let Some(since) = self.since.take() else {
            return false;
        };
        self.listener.call(Outage::Ended {
            lasted: since.elapsed(),
            waiting: waiting(),
        });
        true
    }
}
