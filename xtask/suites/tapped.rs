//! For tests of MCP servers over HTTP: what they serve, below the layer that reads what passes.

use std::sync::OnceLock;

use axum::{Router, serve::Serve};
use tokio::net::TcpListener;
use tower_activity::{ActivityLog, record::Capture};

/// One log for all tests of a program.
fn log() -> &'static ActivityLog {
    static LOG: OnceLock<ActivityLog> = OnceLock::new();
    LOG.get_or_init(|| ActivityLog::open(":memory:").expect("memory is no file"))
}

/// `axum::serve`.
pub fn serve(listener: TcpListener, router: Router) -> Serve<TcpListener, Router, Router> {
    let tools = log().tools().previews(Capture::Preview);
    let tap = tools.prompts().resources().http_tap();
    axum::serve(listener, router.layer(tap))
}
