//! The JSON API and the dashboard, as a router for axum and as a server.
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
//! Read-only, unless [`accept_events`](ActivityRouter::accept_events) is set.
#![doc = include_str!("api.md")]

mod access;
mod api;
#[cfg(feature = "dashboard")]
mod assets;
mod body;
mod client;
mod commits;
mod conditional;
mod connections;
mod described;
mod document;
mod extract;
mod fair;
mod guard;
mod json;
mod openapi;
mod openmetrics;
mod problem;
mod readers;
mod router;
mod secret;
mod serve;
mod state;
mod stream;
mod write_timeout;

pub use access::Access;
pub use body::ResponseBody;
pub use guard::ServiceAccess;
pub use router::ActivityRouter;
pub use secret::TokenSecret;
pub use serve::Server;
