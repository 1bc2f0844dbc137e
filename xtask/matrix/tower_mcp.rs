//! A tool server built with `tower-mcp`, and a call of it over a pipe.

mod served;

use std::error::Error;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tower_activity::Kind;
use tower_mcp::{CallToolResult, McpRouter, StdioTransport, ToolBuilder, extract::RawArgs};

const REQUESTS: [&str; 3] = [
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"client","version":"1"}}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_to_cart","arguments":{}}}"#,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    let tool = ToolBuilder::new("add_to_cart")
        .description("Adds to the cart.")
        .extractor_handler((), |RawArgs(_): RawArgs| async {
            Ok(CallToolResult::text("in"))
        })
        .build();
    let router = McpRouter::new().server_info("shop", "1.0.0").tool(tool);
    let mut transport = StdioTransport::new(router).layer(log.tools().layer());
    let (near, far) = tokio::io::duplex(64 << 10);
    let (reader, writer) = tokio::io::split(far);
    tokio::spawn(async move { transport.run_with_streams(reader, writer).await });

    let (reader, mut writer) = tokio::io::split(near);
    for request in REQUESTS {
        writer.write_all(format!("{request}\n").as_bytes()).await?;
    }
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains(r#""id":1"#) {
            assert!(line.contains(r#""text":"in""#), "{line}");
            break;
        }
    }
    served::check(log, Kind::Tool, "add_to_cart").await
}
