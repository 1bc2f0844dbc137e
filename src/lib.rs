//! Records every tool call and request of tower services: who, what, when, how long, how it ended, and what ran inside it.
//! One SQLite file, nothing else to run.
//!
//! Open an [`ActivityLog`], then record
//!
//! - any tower service: add an [`ActivityLayer`], and each call becomes an *activity*;
//! - an axum application or a tonic server: add an `ActivityLayer::http(&log)` (feature `http`), and each request becomes
//!   an activity, to the end of its response;
//! - an MCP tool server: wrap it with `.with_activity(&log)` for `rmcp`, or add `.layer(log.tools().layer())` to its
//!   transport for `tower-mcp` (features of these names, module `mcp`);
//! - anything else: start an activity with [`ActivityLog::start`], record an event with [`ActivityLog::event`].
//!
//! Code inside finds its activity with [`Activity::current`], and adds attributes, events and recordings to it.
//!
//! Read the log with [`query::ActivityReader`], the command `activity` (package `activity-cli`), the dashboard and JSON API
//! of `log.router()` (features `web`, `dashboard`), or any SQLite client through
//! [views](https://github.com/tower-activity/tower-activity/blob/main/docs/sql.md).
//!
//! **The guides lead to a running result**: [axum and gRPC](guide::axum), [MCP servers](guide::mcp), [any service, jobs,
//! events, log lines](guide::tower), [tests](guide::testing); then the [dashboard](guide::dashboard),
//! [filters](guide::filters), [webhooks](guide::webhooks), [deployment and sizing](guide::deployment), [security and
//! privacy](guide::privacy), [troubleshooting](guide::troubleshooting).
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
//!             .describe(|_| Describe::job("parse").project("acme"))
//!             .classify(Outcome::from_result),
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
//! # Guarantees
//!
//! The layer does not change a call's result, readiness or cancellation, whatever the store does. Recording never waits,
//! unless the log's [`Mode`] says so. Every admitted activity ends exactly once. Memory stays within a limit; records that
//! do not fit are rejected and counted ([`ActivityLog::accounting`]). Secrets are redacted before anything is stored
//! ([`redact`]).
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `sqlite` | yes | the embedded store |
//! | `bundled` | yes | compiles SQLite into the program; without it the system's is linked, 3.43 or newer with FTS5 |
//! | `subscriber` | yes | `tracing` events as events of an activity |
//! | `http` | | HTTP requests and gRPC calls |
//! | `axum` | | `http`, with axum's routes as names |
//! | `opentelemetry` | | trace and span ids of `tracing-opentelemetry` |
//! | `mcp` | | any MCP client and server, from the bytes that they send each other |
//! | `rmcp` | | tool servers built with `rmcp` |
//! | `tower-mcp` | | tool servers built with `tower-mcp` |
//! | `web` | | a JSON API as a tower service, and a server for it |
//! | `dashboard` | | `web`, and the dashboard |
//! | `time-zones` | | days and hours of any time zone, not only UTC |
//! | `webhook` | | signed notifications of activities and events |
//! | `postgres` | | several machines: a PostgreSQL database that files are forwarded to, read as one |
//! | `clickhouse` | | the same with a ClickHouse database |
//! | `recording` | | recordings: terminals, streams, your own resources |
//! | `browser` | | browser session replay |
//! | `chromiumoxide` | | session replay of a browser driven by `chromiumoxide` |
//! | `host` | | host idle detection and lifecycle providers |
//! | `tokenizer` | | exact token counts for digests (`o200k_base`, some MB of tables) instead of an upper bound |
//! | `testing` | | an in-memory log, a manual clock and assertions for your tests |
//! | `full` | | all of these except `chromiumoxide` |
//!
//! # Compilers and platforms
//!
//! Rust 1.91 or newer; it is raised with a minor version only, to a compiler that is at least six months old. All tests run on Linux;
//! macOS and Windows are checked to compile. [Versions of other
//! crates](https://github.com/tower-activity/tower-activity/blob/main/docs/platforms.md) that were tried.
//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | [`log`] | opening, settings, flush and shutdown |
//! | [`activity`] | running activities and events, and how to carry them into tasks and threads ([`context`]) |
//! | [`layer`] | layers for tower services, HTTP, gRPC |
//! | `mcp` | tool servers (features `mcp`, `rmcp`, `tower-mcp`) |
//! | `recording` | session replay: browsers, terminals (features `recording`, `browser`) |
//! | [`query`] | reading: lists, filters, metrics, digests, export |
//! | `web` | dashboard and JSON API (features `web`, `dashboard`) |
//! | `notify` | webhooks (feature `webhook`) |
//! | [`forward`] | forwarding a log to a central store |
//! | `host` | when hosts were last used, and their lifecycle (feature `host`) |
//! | [`record`] | plain data: activities, events, ids, scopes, filters |
//! | [`redact`] | redaction rules |
//! | [`store`], [`import`] | stores, and importing exported records |
//! | `testing` | a log in memory, a manual clock, assertions (feature `testing`) |
//! | [`guide`] | guides |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used))]
// Some code serves several features and is unused when all of them are off. Checks with all features find dead code.
#![cfg_attr(not(feature = "full"), allow(dead_code, unused_imports))]

pub mod activity;
#[doc = include_str!("activity/context.md")]
pub mod context {}
mod error;
#[cfg(feature = "sqlite")]
pub mod forward;
// Documentation only. Its examples need most features.
#[cfg(all(doc, any(feature = "full", not(doctest))))]
pub mod guide;
#[cfg(feature = "host")]
pub mod host;
pub mod import;
pub mod layer;
pub mod log;
#[cfg(any(feature = "mcp", feature = "rmcp", feature = "tower-mcp"))]
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
pub use activity::{Activity, Describe, Event, InActivity, Receipt};
pub use error::{Error, ErrorKind, Result};
pub use layer::ActivityLayer;
pub use log::{ActivityLog, Mode};
pub use record::{Kind, Outcome, Status};

/// Documents outside of this documentation, whose examples are tested all the same.
#[cfg(all(doctest, feature = "full"))]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/hosts.md")]
    struct Hosts;
    #[doc = include_str!("../docs/recordings.md")]
    struct Recordings;
    #[doc = include_str!("../docs/redaction.md")]
    struct Redaction;
}
