//! An MCP server over stdio, built with `tower-mcp`, every call on the record.
//!
//! `ACTIVITY_STORE` says where the record is kept, `activity.db` in the working directory by default.

use std::{collections::BTreeMap, env, error::Error};

use schemars::JsonSchema;
use serde::Deserialize;
use tower_activity::{Activity, ActivityLog};
use tower_mcp::{CallToolResult, McpRouter, StdioTransport, ToolBuilder};

#[derive(Debug, Deserialize, JsonSchema)]
struct Text {
    /// The text whose words are counted.
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = env::var_os("ACTIVITY_STORE").unwrap_or_else(|| "activity.db".into());
    let log = ActivityLog::open(store)?;
    let count_words = ToolBuilder::new("count_words")
        .description("Count how often each word of a text occurs.")
        .read_only()
        .handler(|Text { text }: Text| async move {
            let counts = count(&text);
            Activity::current().set("words", counts.len());
            Ok(match counts.is_empty() {
                true => CallToolResult::error("the text has no words"),
                false => CallToolResult::text(format!("{counts:?}")),
            })
        })
        .build();
    let router = McpRouter::new()
        .server_info("tower-mcp-server", env!("CARGO_PKG_VERSION"))
        .tool(count_words);
    StdioTransport::new(router)
        .layer(log.tools().layer()) // the one line that this example is about
        .run()
        .await?;
    log.shutdown().await?;
    Ok(())
}

fn count(text: &str) -> BTreeMap<&str, u32> {
    let mut counts = BTreeMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}
