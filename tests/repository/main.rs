//! The repository itself: its architecture, and texts that show code.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod architecture;
mod readme;
