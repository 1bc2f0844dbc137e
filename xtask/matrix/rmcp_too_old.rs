//! A tool server built with an SDK that is too old: the compiler error lists the supported versions.

use rmcp::ServerHandler;
use tower_activity::{ActivityLog, mcp::WithActivityExt};

struct Shop;

impl ServerHandler for Shop {}

fn main() {
    let _server = Shop.with_activity(&ActivityLog::disabled());
}
