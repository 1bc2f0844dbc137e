//! An MCP server over stdio, built with `tower-mcp`, whose calls are recorded.
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`].

use std::{collections::BTreeMap, error::Error};

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
    let log = ActivityLog::from_env()?;
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
        .layer(log.tools().layer()) // the line that this example is about
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
