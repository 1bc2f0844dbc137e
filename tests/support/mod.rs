//! Helpers of the behaviour tests: reading a log back, waiting, faults.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used)]
// The tests of the command share this file, and their package does not have all of the features.
#![allow(unexpected_cfgs)]

pub mod captured_events;
#[cfg(feature = "clickhouse")]
pub mod clickhouse;
pub mod faulty;
#[cfg(target_os = "linux")]
pub mod fuse;
#[cfg(feature = "postgres")]
pub mod pgbouncer;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod proxy;
#[cfg(target_os = "linux")]
pub mod strace;
pub mod sums;
mod waiting;

use std::{
    future::Future,
    path::Path,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use tower_activity::{
    ActivityLog,
    query::ActivityReader,
    record::{ActivityRecord, Filter},
};

pub use self::waiting::{after_commit, after_commit_async, poll_until};

/// All activities of a log, oldest first.
#[derive(Debug)]
pub struct Rows(pub Vec<ActivityRecord>);

/// Flushes a log, and reads all activities.
pub fn rows(log: &ActivityLog) -> Rows {
    log.flush().wait().unwrap();
    Rows::read(&mut log.reader().unwrap())
}

/// Reads the rows after each commit until they satisfy the condition, for up to a minute.
pub fn until(log: &ActivityLog, enough: impl Fn(&Rows) -> bool) -> Rows {
    after_commit(|| Some(rows(log)).filter(&enough))
}

/// Runs a future without a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let waker = unpark_current();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Returns a waker that unparks the current thread.
fn unpark_current() -> Waker {
    struct Unpark(std::thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    Waker::from(Arc::new(Unpark(std::thread::current())))
}

impl Rows {
    /// Reads all activities of a file.
    pub fn open(path: &Path) -> Rows {
        Rows::read(&mut ActivityReader::open(path).unwrap())
    }

    fn read(reader: &mut ActivityReader) -> Rows {
        let mut rows = reader
            .page(&Filter::default(), None, 1_000)
            .unwrap()
            .records;
        rows.reverse();
        Rows(rows)
    }

    /// Returns the only activity with this name.
    pub fn one(&self, name: &str) -> ActivityRecord {
        let found: Vec<_> = self.0.iter().filter(|row| row.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:#?}", self.0);
        found[0].clone()
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|row| row.name.as_str()).collect()
    }
}
