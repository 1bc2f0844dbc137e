//! HTTP and gRPC services: one activity a request, which ends with the last byte of its response.
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
//! A request is called by its method and route, `GET /users/{id}`, never by its path, of which there are too many.
//! The route is axum's `MatchedPath` (feature `axum`), which is known to layers of a `Router`; elsewhere, and
//! for requests that no route matches, the method stands alone. gRPC calls are told by their `content-type` and
//! called by their method, `greeter.Greeter/SayHello`, unless the server does not have that.
//!
//! # Ends
//!
//! | what happens | status | error type |
//! |---|---|---|
//! | the response was sent, to the end of its body | `success` | |
//! | its status is 5xx, whether the body was read or not | `failed` | the status, `503` |
//! | it is 401 or 403, with [`denied`](crate::ActivityLayer::denied) | `failed` | `denied` |
//! | the response carries an [`Outcome`](crate::Outcome) among its extensions | as that says | |
//! | the service or its body fails | `failed` | the error's Rust type |
//! | the client goes away before the end | `cancelled` | |
//! | the client goes away from an event stream | `success`, attribute `client_closed` | |
//! | gRPC: the status of the trailers, or of the headers where there is nothing else, is not `OK` | `failed` | the code, `not_found`; `denied`, `timeout` |
//! | gRPC: it is `CANCELLED` | `cancelled` | |
//! | gRPC: there is none | `failed` | `missing_status` |
//! | gRPC: the client goes away once `grpc-timeout` has passed | `failed` | `timeout` |
//!
//! Responses without a body (to `HEAD`, 204, 304) end with their head.
//!
//! # Upgrades
//!
//! A request whose connection leaves HTTP (101, or 2xx to `CONNECT`) has the attribute `upgraded`. It goes on for as long
//! as somebody holds on to the [`Upgrade`] among its extensions, and is a `success` then, whichever side has closed: a
//! task that keeps the request holds it, others [`run`](Upgrade::run) what uses the connection.
//!
//! In the mode [`Durable`](crate::Mode::Durable) its head does not wait for the record, which is not complete by then.
//!
//! Where nobody does, it ends with the head. The layer cannot see the connection by itself: hyper's `OnUpgrade`, by which
//! an application gets it, is made by hyper alone, is answered once, and gives away the server's own stream, which
//! applications cast back to its type. To wait for it is to take it, and a stream of ours in its place is another
//! type, with a task and a copy between. Both alter the call.
//!
//! # Attributes
//!
//! By their OpenTelemetry names: `url.path`, `user_agent.original`, `client.address` (where axum knows it),
//! `http.request.body.size` (what `content-length` says), `http.response.status_code`, `http.response.body.size`
//! (what was sent, in bytes), `rpc.response.status_code`. `x-request-id` is the activity's `request`, `mcp-session-id` its `session`. Queries and
//! other headers are not recorded.
//!
//! Code inside of the request has it as [`Activity::current`](crate::Activity::current), for every frame of the
//! body too, and among the request's extensions, where tool servers built with `rmcp` take it from as the parent
//! of their calls.

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
pub use builder::Http;
pub use classify::ByStatus;
pub use future::ResponseFuture;
pub use head::RequestHead;
pub use upgrade::Upgrade;
