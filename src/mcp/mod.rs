//! MCP tool servers: every tool call becomes an activity.
//!
//! For servers built with the official Rust SDK, `rmcp` (feature `rmcp`), wrap the server:
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
//! For servers built with `tower-mcp` (feature `tower-mcp`), add a layer to the transport:
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
//! For servers of any other SDK (feature `mcp`), [`ToolOptions::http_tap`] is a layer around an HTTP service, and
//! [`ToolOptions::tap`] reads the bytes of any other connection. The command `activity proxy` does so without code.
//!
//! [`ActivityLog::tools`](crate::ActivityLog::tools) returns [`ToolOptions`], for previews, brands, prompts and resources:
//! pass it to `with_activity` in place of the log.
//!
//! # What is recorded
//!
//! Tool calls on every transport. Prompts and resources are recorded on request; `initialize`, `ping` and lists never.
//!
//! | end of a call | status | error type |
//! |---|---|---|
//! | a result | `success` | |
//! | a result with `isError` | `failed` | `tool_error` |
//! | a protocol error | `failed` | its JSON-RPC code |
//! | the client cancelled it | `cancelled` | |
//! | a panic | `failed` | `panic` |
//! | its session was closed (`DELETE`) before, with a [`HttpTapLayer`], or with `rmcp` and `ActivityLayer::http` around the service | `cancelled` | |
//! | the server's transport refused it, with a [`HttpTapLayer`] | `failed` | the HTTP status; `denied` for 401 and 403 |
//! | its response is a redirect, with a [`HttpTapLayer`] | `skipped` | |
//! | its response ended without an answer, with a [`HttpTapLayer`] | `failed` | `unanswered` |
//! | its response is compressed, with a [`HttpTapLayer`] | `failed` | `unreadable` |
//! | the server's process ended before, with `activity proxy` | `failed` | `server_exited` |
//! | 10,000 later requests of its connection were not answered either, with a [`Tap`] | `failed` | `unanswered` |
//!
//! With `rmcp` or a [`Tap`], a call that requests input from the client ends there; the client's next call, with the input, is its child.
//! A call that returns a task has the task as a child: a job that ends when the client fetches its end. Until then it is
//! running, also after a cancellation, since the task may complete all the same; it is `abandoned` if the log closes before.
//! A task whose time to live has passed ends at the next call, as `cancelled` if its cancellation was accepted, else as
//! `failed` with the error type `timeout`.
//!
//! A call lasts until its tool returns, also while it waits for its client (elicitation, sampling). Record such a request with
//! [`ClientRequestExt`]: it becomes a child with the client's time. rmcp's `Peer`, which sends
//! it, cannot be wrapped. If the client is gone, rmcp ends the wait when it notices: at the end of the input, when the
//! session is deleted, or when it has been idle for `keep_alive`; without that it never does.
//!
//! With `rmcp`, a response that it does not send is recorded as what it sends instead: a task of a client that declared none,
//! or a request for input of one whose protocol version has none, is `failed` with the JSON-RPC code, and there is no task.
//!
//! What the SDK or its transport rejects before the server is called is not recorded here: messages that are not JSON-RPC,
//! unknown sessions, hosts and origins that are not allowed, unsupported protocol versions, missing `_meta`. Over HTTP,
//! `ActivityLayer::http` records them as requests, and a [`HttpTapLayer`] as refused calls.
//!
//! # Intent
//!
//! By choice, callers are asked why they call: [`ToolOptions::intent`] adds a parameter to each tool, which the tool itself never
//! sees, and [`ToolOptions::missing_tool`] a tool with which a model reports what no tool does. Both are on record as attributes,
//! `mcp.intent` and `mcp.missing_tool`: `activity list 'attr.mcp.intent:*refund*'`.
//!
//! A client that names an agent in its `_meta` (`gen_ai.agent.id`, `gen_ai.agent.name`) sets the agent of the call.
//!
//! rmcp's `Router` handles tool calls itself, without calling its handler: wrap the `Router` with
//! `.with_activity(&log)`, not the handler.

#[cfg(feature = "mcp")]
mod http;
mod intent;
mod names;
#[cfg(any(feature = "rmcp", feature = "mcp"))]
mod operations;
#[cfg(feature = "rmcp")]
mod rmcp;
mod tools;
#[cfg(feature = "tower-mcp")]
mod tower_mcp;
#[cfg(feature = "mcp")]
mod wire;

#[cfg(feature = "mcp")]
pub use self::http::{
    HttpTapBody, HttpTapFuture, HttpTapLayer, HttpTapRequestBody, HttpTapService,
};
#[cfg(feature = "rmcp")]
pub use self::rmcp::{
    ByClient, ClientRequestExt, RouterWithActivity, ToolServer, WithActivity, WithActivityExt,
};
#[cfg(feature = "tower-mcp")]
pub use self::tower_mcp::{CallFuture, ToolsLayer, ToolsService};
pub use intent::Intent;
pub use tools::{Tool, ToolOptions};
#[cfg(feature = "mcp")]
pub use wire::{Tap, TapCounts, TapReader, TapRewriter};
