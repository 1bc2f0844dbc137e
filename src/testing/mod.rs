//! Tests of programs that record: an in-memory log, a manual clock, and assertions.
//!
//! Enable the feature for tests only:
//!
//! ```toml
//! [dev-dependencies]
//! tower-activity = { version = "0.1", features = ["testing"] }
//! ```
//!
//! [`ActivityLog::test`] returns a log and its clock. Pass the log to the service as in production, call the service, and
//! assert what was recorded:
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (log, clock) = ActivityLog::test();
//! let inner = (log.clone(), clock.clone());
//! let service = ServiceBuilder::new()
//!     .layer(ActivityLayer::new(&log).describe(|path: &&str| Describe::job(format!("GET {path}"))))
//!     .service(service_fn(move |_: &str| {
//!         let (log, clock) = inner.clone();
//!         async move {
//!             let login = log.start(Describe::job("login").actor("ann"));
//!             clock.advance(Duration::from_secs(2));
//!             login.end(Outcome::failed("denied"));
//!             Activity::current().set("status", 401);
//!             Ok::<_, std::convert::Infallible>(())
//!         }
//!     }));
//! service.oneshot("/x").await?;
//!
//! let recorded = log.assert().await;
//! recorded.one("login").failed("denied").under("GET /x").actor("ann").took(Duration::from_secs(2));
//! recorded.one("GET /x").succeeded().attribute("status", 401).children(["login"]);
//! recorded.none("logout");
//! # Ok(())
//! # }
//! ```
//!
//! A failed assertion panics at its line in the test, with all records as a tree:
//!
//! ```text
//! activity "login": expected success, found failed (denied)
//!
//! on record:
//!   GET /x    success  2s
//!   └─ login  failed   2s  denied  ← here
//! ```
//!
//! # Time
//!
//! A [`ManualClock`] moves only when the test advances it, so durations are exact and tests are deterministic. Activities that
//! start at the same time keep their order. The clock belongs to the log: advance tokio's paused clock, for timers,
//! separately.
//!
//! # Other logs
//!
//! [`ActivityLog::assert`] works on every log. To test with other settings, a file or another store, pass a clock to the
//! builder: `ActivityLog::builder().clock(clock.clone())`. For tests that do not check what is recorded, use
//! [`ActivityLog::disabled`].
//!
//! Logs are independent of each other and use no static storage, so tests can run in parallel.

mod activity;
mod assert_all;
mod assert_one;
pub mod conformance;
mod contents;
mod event;
mod record;
mod text;

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

pub use assert_all::AssertAll;
pub use assert_one::AssertOne;
pub use contents::LogContents;

use crate::log::ActivityLog;
pub use crate::pipeline::{ManualClock, writer_passes};

impl ActivityLog {
    /// Opens an in-memory log with a manual clock.
    ///
    /// # Panics
    ///
    /// If the writer thread cannot be started.
    #[track_caller]
    pub fn test() -> (ActivityLog, ManualClock) {
        let clock = ManualClock::new();
        match ActivityLog::builder().clock(clock.clone()).open(":memory:") {
            Ok(log) => (log, clock),
            Err(error) => panic!("cannot open a log for a test: {error}"),
        }
    }

    /// Flushes the log and reads its records back for assertions. Await it, or call [`wait`](Assert::wait).
    pub fn assert(&self) -> Assert {
        Assert { log: self.clone() }
    }
}

/// A future that reads a log for assertions. Returned by [`ActivityLog::assert`].
///
/// Await it, or call [`wait`](Self::wait) without a runtime. It also reads a log that has been shut down.
///
/// # Panics
///
/// If the log cannot be flushed or read.
#[derive(Debug)]
#[must_use = "nothing is read until this is awaited or waited for"]
pub struct Assert {
    log: ActivityLog,
}

impl Assert {
    /// Blocks the thread until everything is committed, and reads the log.
    ///
    /// # Panics
    ///
    /// If the log cannot be flushed or read.
    #[track_caller]
    pub fn wait(self) -> LogContents {
        let flushed = self.log.flush().wait();
        LogContents::read(&self.log, flushed)
    }
}

impl IntoFuture for Assert {
    type Output = LogContents;
    type IntoFuture = Pin<Box<dyn Future<Output = LogContents> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let flushed = self.log.flush().await;
            LogContents::read(&self.log, flushed)
        })
    }
}
