//! Tool servers: every tool call becomes an activity.
//!
//! Servers built with the official Rust SDK, `rmcp` (feature `rmcp`):
//!
#![cfg_attr(feature = "rmcp", doc = "```no_run")]
#![cfg_attr(not(feature = "rmcp"), doc = "```ignore")]
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
//! Servers built with `tower-mcp` (feature `tower-mcp`):
//!
#![cfg_attr(feature = "tower-mcp", doc = "```no_run")]
#![cfg_attr(not(feature = "tower-mcp"), doc = "```ignore")]
//! use tower_activity::ActivityLog;
//! use tower_mcp::{McpRouter, StdioTransport};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let router = McpRouter::new();
//! let log = ActivityLog::open("activity.db")?;
//! StdioTransport::new(router).layer(log.tools().layer()).run().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Tool calls are recorded on every transport; `initialize`, `ping` and the lists are not, prompts and
//! resources by choice. A result with `isError` is `failed` with the error type `tool_error`, a protocol
//! error `failed` with its JSON-RPC code, a call that the client cancelled `cancelled`, a panic `failed`
//! with the error type `panic`.
//!
//! With `rmcp`, a call that asks its client something first ends there; the client's next call, with the answers, is a child of
//! it. A call that is answered with a task has the task as a child, a job that ends when the client is told its end
//! (until then it is running, and abandoned when the log closes before). Where the server may forget a task after some
//! time, it ends with the next call after that, as `failed` with the error type `timeout`.
//!
//! A client that says in its `_meta` who asks (`gen_ai.agent.id`, `gen_ai.agent.name`) sets the agent of the call.
//!
//! rmcp's `Router` answers tool calls from its own table, without asking the handler inside of it: put
//! `.with_activity(&log)` around the `Router` then, not within.

mod names;
#[cfg(feature = "rmcp")]
mod rmcp;
mod tools;
#[cfg(feature = "tower-mcp")]
mod tower_mcp;

#[cfg(feature = "rmcp")]
pub use self::rmcp::{RouterWithActivity, ToolServer, WithActivity, WithActivityExt};
#[cfg(feature = "tower-mcp")]
pub use self::tower_mcp::{CallFuture, ToolsLayer, ToolsService};
pub use tools::{Tool, Tools};
