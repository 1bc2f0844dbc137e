//! HTTP requests are on record to the end of their responses, and are answered as without the layer.

mod app;
mod choices;
mod durable;
mod ends;
mod grpc;
mod same;
#[cfg(feature = "rmcp")]
mod tree;
mod upgrade;
