//! Puts every tool call and request on the record: who, what, when, how long, how it ended and what ran inside of
//! it, in one SQLite file, with nothing else to run.
//!
//! Open an [`ActivityLog`], then
//!
//! - put an [`ActivityLayer`] around a tower service: each call becomes an *activity*;
//! - put an `ActivityLayer::http(&log)` around an axum application or a tonic server (feature `http`): each request
//!   becomes one, to the end of its response;
//! - put `.with_activity(&log)` around a tool server built with `rmcp` (feature `rmcp`, module `mcp`), or
//!   `.layer(log.tools().layer())` on the transport of one built with `tower-mcp` (feature `tower-mcp`);
//! - or start one by hand with [`ActivityLog::start`].
//!
//! `log.router()` shows it over HTTP (feature `web`, module `web`).
//! Feature `host` (module `host`) tells when hosts were last used, from activities too.
//!
//! Code below finds its activity with [`Activity::current`] and says more about it. Read the record back with
//! [`query::ActivityReader`], the command `activity` (feature `cli`), or any SQLite client.
//!
//! ```
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome, record::Filter};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = ActivityLog::open(":memory:")?;
//! let mut parse = ServiceBuilder::new()
//!     .layer(
//!         ActivityLayer::new(&log)
//!             .describe(|_: &String| Describe::job("parse").project("acme"))
//!             .classify(Outcome::of),
//!     )
//!     .service(service_fn(async |text: String| {
//!         Activity::current().set("bytes", text.len());
//!         text.parse::<u32>()
//!     }));
//! let _answer = parse.ready().await?.call("forty-two".into()).await;
//!
//! log.flush().await?;
//! let failed = Filter::parse("status:failed project:acme", chrono::Utc::now())?;
//! let page = log.reader()?.page(&failed, None, 10)?;
//! assert_eq!(page.records[0].message.as_deref(), Some("invalid digit found in string"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! A wrapped call's result, readiness and cancellation are unchanged, whatever the store does, and so is its
//! timing: recording never waits, unless the log's [`Mode`] says so. Every admitted activity has exactly one end.
//! Memory stays under a limit; what does not fit is counted by reason ([`ActivityLog::accounting`]). Whatever is kept
//! is redacted first ([`redact`]).
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]
// Some code serves several features and is unused when all of them are off. Checks with all features find dead code.
#![cfg_attr(not(feature = "full"), allow(dead_code, unused_imports))]

pub mod activity;
#[doc = include_str!("activity/context.md")]
pub mod context {}
mod error;
#[cfg(feature = "host")]
pub mod host;
pub mod import;
pub mod layer;
mod log;
#[cfg(any(feature = "rmcp", feature = "tower-mcp"))]
pub mod mcp;
#[cfg(feature = "webhook")]
pub mod notify;
mod pipeline;
pub mod query;
pub mod record;
#[cfg(feature = "recording")]
pub mod recording;
pub mod redact;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "web")]
pub mod web;

#[cfg(feature = "subscriber")]
pub use activity::ActivityEvents;
pub use activity::{Activity, Describe, Event, InActivity, Receipt, Running};
pub use error::{Error, ErrorKind, Result};
pub use layer::ActivityLayer;
pub use log::{ActivityLog, Builder};
pub use pipeline::{Flush, Handover, Mode, Recordings, Shutdown};
pub use record::{
    ActivityId, ActivityRecord, Capture, EventId, EventRecord, Kind, Outcome, RecordingId,
    RecordingRecord, RecordingStatus, Status,
};

#[cfg(all(
    doctest,
    feature = "axum",
    feature = "browser",
    feature = "host",
    feature = "rmcp",
    feature = "testing"
))]
#[doc = include_str!("../README.md")]
struct Readme;
