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
//! A call that asks its client something first ends there; the client's next call, with the answers, is a child of
//! it. A call that is answered with a task has the task as a child, a job that ends when the client is told its end
//! (until then it is running, and abandoned when the log closes before).
//!
//! rmcp's `Router` answers tool calls from its own table, without asking the handler inside of it: put
//! `.with_activity(&log)` around the `Router` then, not within.

mod names;
mod rmcp;

pub use self::rmcp::{RouterWithActivity, Tool, Tools, WithActivity, WithActivityExt};
