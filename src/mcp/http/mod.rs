//! MCP over HTTP: a layer that reads the bodies of requests and responses as they pass.
//!
//! It serves the streamable HTTP transport of every protocol version, with sessions and without, and the HTTP+SSE transport of
//! 2024-11-05.

mod body;
mod exchange;
mod future;
mod head;
mod held_events;
mod layer;
mod passing;
mod recent;
mod request_body;
mod rewriting;
mod service;
mod sessions;

pub use body::HttpTapBody;
pub use future::HttpTapFuture;
pub use layer::HttpTapLayer;
pub use request_body::HttpTapRequestBody;
pub use service::HttpTapService;
