//! Payloads that are longer than a full capture keeps.

use serde_json::json;
use tower_activity::{ActivityLog, record::Capture};

#[test]
fn of_a_payload_of_more_than_4_mib_the_beginning_is_kept() {
    let (log, _) = ActivityLog::test();
    let tap = log.tools().previews(Capture::Full).tap();
    let long = "y".repeat(5 << 20);
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "write", "arguments": {"text": &long}}
    });
    let result = json!({"content": [{"type": "text", "text": &long}]});
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    tap.client_reader().read(format!("{call}\n").as_bytes());
    tap.server_reader().read(format!("{answer}\n").as_bytes());
    let contents = log.assert().wait();
    let record = contents.one("write").record();
    for payload in [&record.input, &record.output] {
        let payload = payload.as_ref().unwrap();
        assert!(payload.truncated && payload.text.len() > 4_000_000);
    }
}
