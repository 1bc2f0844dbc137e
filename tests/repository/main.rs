//! The repository itself: its architecture, its public API, and documents that show code.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod architecture;
mod guides;
mod public_api;
mod readme;
mod words;
