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
//! The route is axum's (feature `axum`); where axum has none, the name is the method alone. gRPC calls are recognized by
//! their `content-type` and named after their method, `greeter.Greeter/SayHello`, unless the server does not implement it.
//! Those of gRPC-Web have their status in the body: outside of tonic-web's layer they are plain requests, inside they are
//! gRPC calls.
//!
//! | place of the layer | route |
//! |---|---|
//! | `Router::layer`, `Router::route_layer`, `MethodRouter::layer` | `MatchedPath`, of nested routers too: `/api/users/{id}` |
//! | `Router::layer`, for a request that matches no route | none |
//! | around a service that is nested with `nest_service`, or a nested router's fallback | `NestedPath`: `/assets` |
//! | `Router::layer` outside of `nest_service` | `MatchedPath` of requests to exactly the nested path; none below it |
//! | around the whole router | none: the router runs inside |
//!
//! # Serving
//!
//! `Router::layer` returns a `Router`. A service that is wrapped elsewhere has bodies of the type [`ActivityBody`], which
//! `axum::serve` takes after a `map_response`; hyper takes them as they are, with `hyper_util::service::TowerToHyperService`:
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # {
//! use axum::{Router, ServiceExt, body::Body, extract::Request};
//! use tower::ServiceBuilder;
//! use tower_activity::{ActivityLayer, ActivityLog, layer::http::ActivityBody};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let log = ActivityLog::open("activity.db")?;
//! # let router: Router = Router::new();
//! let app = ServiceBuilder::new()
//!     .map_response(|response: http::Response<ActivityBody<Body>>| response.map(Body::new))
//!     .layer(ActivityLayer::http(&log))
//!     .service(router);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await?;
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! # Ends
//!
//! | event | status | error type |
//! |---|---|---|
//! | the server took the response to the end of its body | `success` | |
//! | its status is 408 or 504 | `failed` | `timeout` |
//! | its status is another 5xx, even if the body is not read to the end | `failed` | the status, `503` |
//! | it is 401 or 403, with [`denied`](crate::ActivityLayer::denied) | `failed` | `denied` |
//! | the response has an [`Outcome`](crate::Outcome) in its extensions | that outcome's | that outcome's |
//! | the service or the response body returns an error | `failed` | that of [`Outcome::from_result`](crate::Outcome::from_result) |
//! | the client disconnects or resets the stream before the end | `cancelled` | |
//! | the client disconnects from an event stream that it asked for with `GET` | `success`, attribute `client_closed` | |
//! | it is dropped after its [`timeout`](crate::ActivityLayer::timeout) has passed | `failed` | `timeout` |
//! | gRPC: the status in the trailers, or in the headers of a response without a body, is not `OK` | `failed` | the code, `not_found`; `denied`, `timeout` |
//! | gRPC: the status is `CANCELLED` | `cancelled`; of tonic's own timeout `failed` | `timeout` |
//! | gRPC: there is no status | `failed` | `missing_status` |
//! | gRPC: the client disconnects after `grpc-timeout` has passed | `failed` | `timeout` |
//!
//! Responses without a body (to `HEAD`, 204, 304) end with their headers.
//!
//! # The end of a body
//!
//! A response ends when the server, hyper for example, takes its last byte from the body. It then is in the server's buffers,
//! not yet at the client: neither tells a service what has been sent. hyper stops taking frames while its buffer (about
//! 400 KiB, on HTTP/2 also the client's window) is full, so a client that leaves in the middle of a body of many frames is
//! noticed. A body of one frame (`String`, `Vec<u8>`, `Json`) is taken at once, whatever its size: a client that leaves in
//! the middle of it is not. Send large responses as streams, of files for example, to know about them.
//!
//! # Timeouts
//!
//! A timeout layer inside this one is recorded as `timeout` by its response or error; one outside drops the call as if
//! the client had left, so set its duration with [`timeout`](crate::ActivityLayer::timeout). Layers that are added to a
//! `Router` later stand outside, so add the timeout first. tonic's `Server::timeout` always stands outside. Of hyper's own
//! timeouts, that for a request's headers ends before there is a call.
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
//! that the server took), `rpc.response.status_code`. `x-request-id` is the activity's `request`, `mcp-session-id` its
//! `session`. Query strings and other headers are not recorded.
//!
//! The `tracing` span has these fields too, except the sizes, and `otel.kind`, `error.type`, `http.request.method`,
//! `http.route`, `network.protocol.version` and, if the client names it, `url.scheme`. In the record the method and the
//! route are the name.
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
mod session_end;
mod upgrade;

pub use body::ActivityBody;
pub use builder::ByRoute;
pub use classify::ByStatus;
pub use future::ResponseFuture;
pub use head::RequestHead;
pub use upgrade::Upgrade;
#[cfg(feature = "mcp")]
pub(crate) use {
    body::STATUS_CODE,
    classify::failed,
    describe::{SESSION, describe_at},
    finish::is_event_stream,
};
