//! Tests of programs that record: a log in memory, a clock that stands still, assertions that read well.
//!
//! Take the feature in as a dependency of tests only:
//!
//! ```toml
//! [dev-dependencies]
//! tower-activity = { version = "0.1", features = ["testing"] }
//! ```
//!
//! [`ActivityLog::test`] gives a log and its clock. Hand the log to the service as in production, call the
//! service, and say what should be on record:
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
//! An assertion that does not hold panics at the line of the test that made it, with everything that is on
//! record as a tree:
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
//! A [`ManualClock`] moves only when the test moves it, so durations are exact and what is on record is the
//! same each time. What starts while the clock stands still sorts in the order in which it started. The
//! clock is the log's alone: tokio's own paused clock, for timers, is moved beside it.
//!
//! # Other logs
//!
//! [`ActivityLog::assert`] works on every log. To test with other settings, a file or another store, give the
//! builder a clock: `ActivityLog::builder().clock(clock.clone())`. Where a test is not about what is recorded,
//! [`ActivityLog::disabled`] is enough: on it nothing is on record.
//!
//! Each log stands for itself and nothing is kept in static storage, so tests run side by side.

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
pub use crate::pipeline::ManualClock;

impl ActivityLog {
    /// Opens a log for a test: in memory, on a clock that stands still until it is moved.
    ///
    /// # Panics
    ///
    /// When the writer thread cannot be started.
    #[track_caller]
    pub fn test() -> (ActivityLog, ManualClock) {
        let clock = ManualClock::new();
        match ActivityLog::builder().clock(clock.clone()).open(":memory:") {
            Ok(log) => (log, clock),
            Err(error) => panic!("cannot open a log for a test: {error}"),
        }
    }

    /// Commits what has ended by now and reads back what is on record, to say what should be: await it, or
    /// [`wait`](Assert::wait).
    pub fn assert(&self) -> Assert {
        Assert { log: self.clone() }
    }
}

/// Reads back what is on record. Returned by [`ActivityLog::assert`].
///
/// Await it, or call [`wait`](Self::wait) where there is no runtime. It also reads a log that has been shut down.
///
/// # Panics
///
/// When the log cannot be committed or read.
#[derive(Debug)]
#[must_use = "nothing is read until this is awaited or waited for"]
pub struct Assert {
    log: ActivityLog,
}

impl Assert {
    /// Blocks the thread until everything is committed, and reads it back.
    ///
    /// # Panics
    ///
    /// When the log cannot be committed or read.
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
