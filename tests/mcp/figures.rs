//! What a tap records is what the figures of MCP calls are of.

use chrono::Utc;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Outcome,
    query::{MetricsQuery, Window},
};

#[test]
fn figures_have_the_servers_clients_and_tools_of_a_connection() {
    let log = ActivityLog::open(":memory:").unwrap();
    let tap = log.tools().prompts().resources().tap();
    let (mut client, mut server) = (tap.client_reader(), tap.server_reader());
    let mut exchange = |id: u64, method: &str, params: Value, answer: Value| {
        let asked = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        client.read(format!("{asked}\n").as_bytes());
        let answered = json!({"jsonrpc": "2.0", "id": id, "result": answer});
        server.read(format!("{answered}\n").as_bytes());
    };
    let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "cursor", "version": "1.7"}});
    let answer = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "files", "version": "3"}});
    exchange(1, "initialize", hello, answer);
    exchange(
        2,
        "tools/call",
        json!({"name": "read"}),
        json!({"content": []}),
    );
    let refusal = json!({"content": [{"type": "text", "text": "no such file"}], "isError": true});
    exchange(3, "tools/call", json!({"name": "read"}), refusal);
    exchange(
        4,
        "prompts/get",
        json!({"name": "review"}),
        json!({"messages": []}),
    );
    exchange(
        5,
        "resources/read",
        json!({"uri": "file:///a"}),
        json!({"contents": []}),
    );
    tap.close(&Outcome::success());
    log.flush().wait().unwrap();

    let today = MetricsQuery::new(Window::Day, Utc::now());
    let mcp = log.reader().unwrap().mcp(&today, 10).unwrap();
    assert_eq!((mcp.calls.count, mcp.calls.failed), (4, 1));
    assert_eq!(
        (mcp.server_count, mcp.client_count, mcp.tool_count),
        (1, 1, 3)
    );
    assert_eq!(mcp.servers[0].name.as_deref(), Some("files"));
    assert_eq!(mcp.servers[0].figures, mcp.calls);
    assert_eq!(mcp.clients[0].name.as_deref(), Some("cursor"));
    assert_eq!(mcp.clients[0].version.as_deref(), Some("1.7"));
    let tools = mcp
        .tools
        .iter()
        .map(|tool| (&*tool.method, &*tool.name, tool.figures.count));
    let expected = [
        ("tools/call", "read", 2),
        ("prompts/get", "review", 1),
        ("resources/read", "file", 1),
    ];
    assert_eq!(Vec::from_iter(tools), expected);
    assert_eq!(mcp.tools[0].errors[0].error_type, "tool_error");
}
