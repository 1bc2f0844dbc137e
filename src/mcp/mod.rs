//! Tool servers built with the official Rust SDK, [`rmcp`]: every tool call becomes an activity.
//!
//! ```no_run
//! use rmcp::{ServerHandler, ServiceExt, transport::stdio};
//! use tower_activity::{ActivityLog, mcp::WithActivityExt};
//!
//! # struct MyServer;
//! # impl ServerHandler for MyServer {}
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let log = ActivityLog::open("activity.db")?;
//! let server = MyServer.with_activity(&log).serve(stdio()).await?;
//! # server.waiting().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Tool calls are recorded on every transport; `initialize`, `ping` and the lists are not, prompts and
//! resources by choice. A result with `isError` is `failed` with the error type `tool_error`, a protocol
//! error `failed` with its JSON-RPC code, a call that the client cancelled `cancelled`, a panic `failed`
//! with the error type `panic`.
//!
//! The wrapper goes around the handler that answers tool calls. rmcp's own `Router` answers them from its own
//! table, without asking the handler inside of it: a wrapped server *within* a `Router` records nothing.

mod call;
mod forward;
mod names;
mod tools;
mod wrapper;

pub use tools::{Tool, Tools};
pub use wrapper::{WithActivity, WithActivityExt};
