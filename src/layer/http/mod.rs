//! HTTP and gRPC services: one activity per request, which ends with the last byte of its response.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # {
//! use axum::{Router, routing::get};
//! use tower_activity::{ActivityLayer, ActivityLog};
//!
//! # fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let log = ActivityLog::open("activity.db")?;
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(async || "ann"))
//!     .layer(ActivityLayer::http(&log).skip_path("/health"));
//! # Ok(app)
//! # }
//! # }
//! ```
//!
//! # Names
//!
//! A request is named after its method and route, `GET /users/{id}`, never after its path, whose cardinality is too high.
//! The route is axum's `MatchedPath` (feature `axum`), which layers of a `Router` see; elsewhere, and for requests that
//! match no route, the name is the method alone. gRPC calls are recognized by their `content-type` and named after their
//! method, `greeter.Greeter/SayHello`, unless the server does not implement it.
//!
//! # Ends
//!
//! | event | status | error type |
//! |---|---|---|
//! | the response was sent, to the end of its body | `success` | |
//! | its status is 5xx, even if the body is not read to the end | `failed` | the status, `503` |
//! | it is 401 or 403, with [`denied`](crate::ActivityLayer::denied) | `failed` | `denied` |
//! | the response has an [`Outcome`](crate::Outcome) in its extensions | that outcome's | that outcome's |
//! | the service or the response body returns an error | `failed` | the error's Rust type |
//! | the client disconnects before the end | `cancelled` | |
//! | the client disconnects from an event stream | `success`, attribute `client_closed` | |
//! | gRPC: the status in the trailers, or in the headers of a response without a body, is not `OK` | `failed` | the code, `not_found`; `denied`, `timeout` |
//! | gRPC: the status is `CANCELLED` | `cancelled` | |
//! | gRPC: there is no status | `failed` | `missing_status` |
//! | gRPC: the client disconnects after `grpc-timeout` has passed | `failed` | `timeout` |
//!
//! Responses without a body (to `HEAD`, 204, 304) end with their headers.
//!
//! # Upgrades
//!
//! A request whose connection is upgraded (101, or 2xx to `CONNECT`) has the attribute `upgraded`. Its activity lasts
//! while a clone of the [`Upgrade`] in the request's extensions exists, and then ends with `success`, whichever side
//! closed. A task that keeps the request keeps the clone too; otherwise [`run`](Upgrade::run) the code that uses the
//! connection. Without a clone the activity ends with the response's headers.
//!
//! In the mode [`Durable`](crate::Mode::Durable) the headers do not wait for a commit: the activity is still running.
//!
//! The layer cannot observe the connection itself. Only hyper can create the `OnUpgrade` from which an application gets the
//! connection; it resolves once, to the server's stream, which applications downcast to its type. Awaiting it in the layer
//! would take it from the application, and wrapping the stream would change its type and add a task and a copy.
//!
//! # Attributes
//!
//! Under their OpenTelemetry names: `url.path`, `user_agent.original`, `client.address` (with axum's `ConnectInfo`),
//! `http.request.body.size` (the value of `content-length`), `http.response.status_code`, `http.response.body.size` (bytes
//! sent), `rpc.response.status_code`. `x-request-id` is the activity's `request`, `mcp-session-id` its `session`. Query
//! strings and other headers are not recorded.
//!
//! Inside the request the activity is [`Activity::current`](crate::Activity::current), also for every frame of the body,
//! and it is in the request's extensions, where tool servers built with `rmcp` find the parent of their calls.

mod body;
mod builder;
mod classify;
mod describe;
mod finish;
mod future;
mod grpc;
mod head;
mod service;
mod upgrade;

pub use body::ActivityBody;
pub use builder::ByRoute;
pub use classify::ByStatus;
pub use future::ResponseFuture;
pub use head::RequestHead;
pub use upgrade::Upgrade;
