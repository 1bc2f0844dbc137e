//! A host manager: a host is created, kept awake by tool calls, stopped when idle, and started again.
//!
//! `cargo run -p host-manager`, then `cargo run -p activity-cli -- events`. The host is a directory below
//! `hosts/` and a process in it: this program again, which counts words.

mod lifecycle;
mod word_counter;

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => word_counter::serve().await,
        _ => lifecycle::run().await,
    }
}
