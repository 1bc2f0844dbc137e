//! `activity proxy --intent --missing-tool`: callers of any server are asked, and the server does not notice.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use rmcp::{ServiceExt, model::CallToolRequestParams, transport::TokioChildProcess};
use serde_json::{Value, json};
use tower_activity::record::ActivityRecord;

use crate::fixture::Fixture;

const ACTIVITY: &str = env!("CARGO_BIN_EXE_activity");

fn proxy(fixture: &Fixture, server: &[&str]) -> Command {
    let path = fixture.path();
    let options = ["--intent=required", "--missing-tool", "--"];
    let mut args = vec!["--store", path.to_str().unwrap(), "proxy"];
    args.extend(options.iter().chain(server));
    fixture.command(&args)
}

#[tokio::test]
async fn a_client_is_asked_and_its_reasons_are_found() {
    let fixture = Fixture::with_calls();
    let command = tokio::process::Command::from(proxy(&fixture, &[ACTIVITY, "mcp"]));
    let client = ().serve(TokioChildProcess::new(command).unwrap()).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    for tool in &tools {
        let schema = json!(tool.input_schema);
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("call_intent")), "{tool:?}");
        assert_eq!(schema["properties"]["call_intent"]["type"], "string");
    }
    assert_eq!(tools.last().unwrap().name, "report_missing_tool");
    let call = |name: &'static str, arguments: Value| {
        let arguments = arguments.as_object().unwrap().clone();
        client.call_tool(CallToolRequestParams::new(name).with_arguments(arguments))
    };
    let found = json!({"filter": "name:netflix_login", "call_intent": "find the refund of Ann"});
    let found = call("find_activities", found).await.unwrap();
    assert_ne!(found.is_error, Some(true), "{found:?}");
    let report = json!({"missing": "delete a call", "call_intent": "tidy up"});
    let report = call("report_missing_tool", report).await.unwrap();
    let text = &report.content[0].as_text().unwrap().text;
    assert!(text.starts_with("Recorded."), "{text}");
    client.cancel().await.unwrap();

    let list = |filter: &str| -> Vec<ActivityRecord> { fixture.json(&["list", filter]) };
    for filter in [
        "attr.mcp.intent:*refund*",
        "refund",
        "attr.mcp.intent:* -name:report*",
    ] {
        let rows = list(filter);
        assert_eq!(rows.len(), 1, "{filter}: {rows:#?}");
        assert_eq!(rows[0].name, "find_activities");
    }
    let rows = list("attr.mcp.missing_tool:*");
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].attributes["mcp.missing_tool"], "delete a call");
    assert_eq!(rows[0].attributes["mcp.intent"], "tidy up");
    assert_eq!(rows[0].attributes["mcp.tool.read_only"], true);
}

#[test]
fn a_report_is_answered_also_while_the_server_is_silent() {
    let fixture = Fixture::new();
    // It lists a tool, answers no call, and has begun a line that is not a message.
    let list = json!({"id": 0, "result": {"tools": [{"name": "echo", "inputSchema": {}}]}});
    let script = format!("read -r list; printf '%s\\nno answer' '{list}'; cat > received");
    let mut child = proxy(&fixture, &["sh", "-c", &script]);
    let mut child = child
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    writeln!(input, "{}", json!({"id": 0, "method": "tools/list"})).unwrap();
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert!(line.contains("report_missing_tool"), "{line}");
    let call = |id: u32, name: &str| {
        json!({"id": id, "method": "tools/call", "params": {
            "name": name, "arguments": {"missing": "x", "call_intent": "y"},
        }})
    };
    writeln!(input, "{}", call(1, "report_missing_tool")).unwrap();
    writeln!(input, "{}", call(2, "echo")).unwrap();
    drop(input);
    // The answer stands behind the unfinished line, which the end of the server ends.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut output, &mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let answer = rest
        .strip_prefix("no answer\n")
        .unwrap_or_else(|| panic!("{rest}"));
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["id"], 1);
    let received = std::fs::read_to_string(fixture.folder.path().join("received")).unwrap();
    let received: Vec<Value> = (received.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0]["params"]["arguments"], json!({"missing": "x"}));
}
