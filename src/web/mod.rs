//! What is on record over HTTP: a JSON API as a router for axum, and a server of its own.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use tower_activity::ActivityLog;
//!
//! # fn app() -> tower_activity::Result<Router> {
//! let log = ActivityLog::open("activity.db")?;
//! let app: Router = Router::new()
//!     .route("/", get(async || "hello"))
//!     .nest_service("/ops/activity", log.router());
//! # Ok(app)
//! # }
//! ```
//!
//! It only reads.
#![doc = include_str!("api.md")]

mod access;
mod answer;
mod api;
mod asked;
#[cfg(feature = "dashboard")]
mod assets;
mod conditional;
mod feed;
mod guard;
mod openapi;
mod patience;
mod problem;
mod readers;
mod router;
mod serve;
mod state;
mod stream;

pub use access::Access;
pub use router::ActivityRouter;
pub use serve::Server;
