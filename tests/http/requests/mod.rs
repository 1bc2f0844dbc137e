//! Recorded HTTP requests: they last until the end of the response, which is unchanged.

mod app;
mod durable;
mod grpc;
mod options;
mod outcomes;
mod parity;
#[cfg(feature = "rmcp")]
mod tree;
mod upgrade;
mod upstream;
