//! What a tap records of the bytes that pass between a client and a server.

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Kind, Outcome,
    mcp::{Tap, TapReader},
    record::Capture,
    testing::LogContents,
};

/// Two sides that send messages.
struct Wire {
    log: ActivityLog,
    tap: Tap,
    client: TapReader,
    server: TapReader,
}

impl Wire {
    fn new() -> Self {
        Wire::with(|log| log.tools().prompts().resources().tap())
    }

    fn with(tap: impl FnOnce(&ActivityLog) -> Tap) -> Self {
        let (log, _) = ActivityLog::test();
        let tap = tap(&log);
        Wire {
            client: tap.client_reader(),
            server: tap.server_reader(),
            log,
            tap,
        }
    }

    fn client(&mut self, message: impl Into<Value>) -> &mut Self {
        let message: Value = message.into();
        self.client.read(format!("{message}\n").as_bytes());
        self
    }

    fn server(&mut self, message: impl Into<Value>) -> &mut Self {
        let message: Value = message.into();
        self.server.read(format!("{message}\n").as_bytes());
        self
    }

    fn call(&mut self, id: impl Into<Value>, name: &str) -> &mut Self {
        let id: Value = id.into();
        self.client(
            json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}}),
        )
    }

    fn answer(&mut self, id: impl Into<Value>, result: impl Into<Value>) -> &mut Self {
        let (id, result): (Value, Value) = (id.into(), result.into());
        self.server(json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn contents(&self) -> LogContents {
        self.log.assert().wait()
    }
}

#[test]
fn a_call_ends_as_it_is_answered() {
    let mut wire = Wire::new();
    wire.call(1, "good")
        .answer(1, json!({"content": [{"type": "text", "text": "3"}]}));
    wire.call(2, "bad").answer(
        2,
        json!({"content": [{"type": "image", "data": "…"}, {"type": "text", "text": "no such file"}], "isError": true}),
    );
    wire.call("a", "refused")
        .server(json!({"id": "a", "error": {"code": -32602, "message": "bad page"}}));
    wire.call(4, "stopped")
        .client(json!({"method": "notifications/cancelled", "params": {"requestId": 4, "reason": "too slow"}}))
        .answer(4, json!({}));
    wire.call(5, "cut off");
    wire.tap
        .close(&Outcome::failed("server_exited").with_message("exit status: 3"));
    let contents = wire.contents();
    contents
        .one("good")
        .kind(Kind::Tool)
        .succeeded()
        .request("1");
    contents
        .one("bad")
        .failed("tool_error")
        .message("no such file");
    contents
        .one("refused")
        .failed("-32602")
        .message("bad page")
        .request("a")
        .attribute("rpc.response.status_code", "-32602");
    contents.one("stopped").cancelled().message("too slow");
    contents
        .one("cut off")
        .failed("server_exited")
        .message("exit status: 3");
    assert_eq!(wire.tap.counts().messages, 10);
}

#[test]
fn an_error_of_any_form_is_an_answer() {
    let mut wire = Wire::new();
    wire.call(1, "text").server(json!({"id": 1, "error": "no"}));
    wire.call(2, "message")
        .server(json!({"id": 2, "error": {"message": "no"}}));
    // As of JSON-RPC 1.
    wire.call(3, "null")
        .server(json!({"id": 3, "result": {}, "error": null}));
    let contents = wire.contents();
    contents.one("text").failed("_OTHER");
    contents.one("message").failed("_OTHER").message("no");
    contents.one("null").succeeded();
}

/// A payload may be cut anywhere: in an escape, in a string that is shorter than one.
#[test]
fn a_long_payload_of_short_words_is_kept_up_to_a_limit() {
    for shift in 0..12 {
        let mut wire = Wire::with(|log| log.tools().previews(Capture::Preview).tap());
        let words = r#""\u00e9","#.repeat(20_000);
        let pad = "x".repeat(shift);
        let call = format!(
            r#"{{"id":1,"method":"tools/call","params":{{"name":"words","arguments":{{"pad":"{pad}","words":[{words}0]}}}}}}"#
        );
        wire.client.read(call.as_bytes());
        wire.client.read(b"\n");
        wire.answer(1, json!({}));
        let contents = wire.contents();
        let input = contents.one("words").succeeded().record().input.clone();
        let input = input.unwrap();
        assert!(input.truncated && input.text.contains("é"), "{input:?}");
    }
}

#[test]
fn prompts_and_resources_are_recorded_on_request() {
    let prompt = json!({"id": 1, "method": "prompts/get", "params": {"name": "review"}});
    let resource = json!({"id": 2, "method": "resources/read", "params": {"uri": "file:///a"}});
    let mut wire = Wire::new();
    wire.client(prompt.clone())
        .answer(1, json!({"messages": []}));
    wire.client(resource.clone())
        .answer(2, json!({"contents": []}));
    let contents = wire.contents();
    contents.one("review").kind(Kind::Prompt).succeeded();
    contents
        .one("file")
        .kind(Kind::Resource)
        .attribute("mcp.resource.uri", "file:///a");
    let mut wire = Wire::with(|log| log.tools().tap());
    wire.client(prompt).client(resource);
    wire.client(json!({"id": 3, "method": "ping"}))
        .answer(3, json!({}));
    wire.contents().count(0);
}

#[test]
fn the_peers_of_a_call_are_known() {
    let mut wire = Wire::new();
    wire.client(json!({"id": 0, "method": "initialize", "params": {"protocolVersion": "2026-01-01",
        "clientInfo": {"name": "inspector", "version": "1.2"}}}))
    .answer(0, json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "files", "version": "9"}}))
    .client(json!({"method": "notifications/initialized"}))
    .client(json!({"id": 1, "method": "tools/list"}))
    .answer(1, json!({"tools": [
        {"name": "read", "description": "…", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true, "title": "x"}},
        {"name": "drop", "annotations": {"destructiveHint": true, "readOnlyHint": false}},
    ]}));
    wire.call(2, "read").answer(2, json!({}));
    wire.call(3, "drop").answer(3, json!({}));
    // A client of 2026-07-28 names itself each time.
    wire.client(
        json!({"id": 4, "method": "tools/call", "params": {"name": "other", "_meta": {
        "io.modelcontextprotocol/clientInfo": {"name": "agent", "version": "3"},
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "gen_ai.agent.name": "planner", "progressToken": 7, "gen_ai.conversation.id": "c9",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}),
    )
    .answer(4, json!({}));
    let contents = wire.contents();
    contents
        .one("read")
        .attribute("mcp.client.name", "inspector")
        .attribute("mcp.client.version", "1.2")
        .attribute("mcp.server.name", "files")
        .attribute("mcp.protocol.version", "2025-11-25")
        .attribute("mcp.tool.read_only", true)
        .attribute("network.transport", "pipe");
    contents
        .one("drop")
        .attribute("mcp.tool.destructive", true)
        .attribute("mcp.tool.read_only", false);
    let other = contents
        .one("other")
        .attribute("mcp.client.name", "agent")
        .attribute("mcp.protocol.version", "2026-07-28")
        .attribute("mcp.progress.token", 7)
        .agent("planner")
        .session("c9")
        .record();
    let trace = other.trace_id.to_string();
    assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
}

#[test]
fn a_request_to_the_client_is_a_child_of_the_only_call() {
    let mut wire = Wire::new();
    wire.call(1, "book")
        .server(json!({"id": 1, "method": "elicitation/create", "params": {"message": "sure?"}}))
        .client(json!({"id": 1, "result": {"action": "accept"}}))
        .server(json!({"id": 2, "method": "sampling/createMessage", "params": {}}))
        .client(json!({"id": 2, "error": {"code": -1, "message": "no"}}))
        .answer(1, json!({}));
    let contents = wire.contents();
    contents.one("elicitation/create").under("book").succeeded();
    contents
        .one("sampling/createMessage")
        .under("book")
        .failed("-1");
    contents.one("book").succeeded();
    // Of several calls none is known to be its parent.
    wire.call(3, "a")
        .call(4, "b")
        .server(json!({"id": 3, "method": "roots/list"}));
    wire.client(json!({"method": "notifications/cancelled", "params": {"requestId": 3}}));
    wire.client(json!({"id": 3, "result": {}}));
    let contents = wire.contents();
    contents.one("roots/list").top_level().succeeded();
    contents.one("a").cancelled();
}

#[test]
fn a_task_is_a_child_that_ends_when_the_server_says_so() {
    let mut wire = Wire::new();
    let status = |id: &str, status| json!({"taskId": id, "status": status});
    // As of 2025-11-25.
    wire.call(1, "export")
        .answer(
            1,
            json!({"task": {"taskId": "t1", "status": "working", "ttl": 60_000}}),
        )
        .client(json!({"id": 2, "method": "tasks/get", "params": {"taskId": "t1"}}))
        .answer(2, status("t1", "working"))
        .client(json!({"id": 3, "method": "tasks/result", "params": {"taskId": "t1"}}))
        .answer(
            3,
            json!({"content": [{"type": "text", "text": "disk full"}], "isError": true}),
        );
    // As of 2026-07-28.
    wire.call(4, "import")
        .answer(
            4,
            json!({"resultType": "task", "taskId": "t2", "status": "working", "ttlMs": 60_000}),
        )
        .client(json!({"id": 5, "method": "tasks/get", "params": {"taskId": "t2"}}))
        .answer(
            5,
            json!({"taskId": "t2", "status": "failed", "error": {"code": -32000, "message": "no"}}),
        );
    wire.call(6, "copy")
        .answer(6, json!({"task": {"taskId": "t3", "status": "working"}}))
        .server(
            json!({"method": "notifications/tasks/status", "params": status("t3", "cancelled")}),
        );
    let contents = wire.contents();
    let job = |name: &str| {
        let all = contents.all(name).count(2);
        let ends = [0, 1].map(|index| all.nth(index).record());
        ends.into_iter()
            .find(|one| one.kind == Kind::Job)
            .unwrap()
            .clone()
    };
    assert_eq!(job("export").error_type.as_deref(), Some("tool_error"));
    assert_eq!(job("import").error_type.as_deref(), Some("-32000"));
    assert_eq!(job("copy").status, tower_activity::Status::Cancelled);
}

#[test]
fn a_call_that_asks_for_input_is_the_parent_of_the_next() {
    let mut wire = Wire::new();
    wire.call(1, "book")
        .answer(1, json!({"resultType": "input_required", "requestState": "s", "inputRequests": {"a": {}}}))
        .client(json!({"id": 2, "method": "tools/call", "params": {"name": "book", "requestState": "s", "inputResponses": {"a": {}}}}))
        .answer(2, json!({"content": []}));
    let contents = wire.contents();
    let calls = contents.all("book").count(2);
    let [first, second] = [0, 1].map(|index| calls.nth(index).record());
    let (first, second) = if first.parent.is_none() {
        (first, second)
    } else {
        (second, first)
    };
    assert_eq!(second.parent, Some(first.id));
    assert_eq!(first.attributes["mcp.result.type"], "input_required");
}

#[test]
fn a_batch_has_several_calls_and_ids_that_repeat_are_answered_in_order() {
    let mut wire = Wire::new();
    let call =
        |id: Value, name: &str| json!({"id": id, "method": "tools/call", "params": {"name": name}});
    wire.client(json!([call(json!(1), "a"), call(json!("1"), "b"), {"method": "ping"}]))
        .server(json!([{"id": "1", "result": {"isError": true}}, {"id": 1.0, "result": {}}]));
    wire.call(7, "first").call(7, "second");
    wire.answer(7, json!({"isError": true}))
        .answer(7, json!({}));
    let contents = wire.contents();
    contents.one("a").succeeded();
    contents.one("b").failed("tool_error");
    contents.one("first").failed("tool_error");
    contents.one("second").succeeded();
}

#[test]
fn lines_of_the_server_belong_to_the_only_call() {
    let mut wire = Wire::new();
    wire.tap.log_line("before");
    wire.call(1, "one");
    wire.tap.log_line("reading\tfile");
    wire.call(2, "two");
    wire.tap.log_line("whose?");
    wire.answer(2, json!({}));
    for line in 0..500 {
        wire.tap.log_line(&format!("line {line}"));
    }
    wire.answer(1, json!({}));
    let contents = wire.contents();
    contents.all_events("log").count(128);
    contents.one("one").attribute("log.dropped_count", 373);
}

#[test]
fn payloads_are_kept_as_far_as_they_are_asked_for() {
    let call = json!({"id": 1, "method": "tools/call", "params": {"name": "write",
        "arguments": {"path": "/a", "password": "hunter2", "text": "x".repeat(200_000)}}});
    let result =
        json!({"content": [{"type": "text", "text": "y".repeat(200_000)}], "isError": false});
    let mut wire = Wire::with(|log| log.tools().tap());
    wire.client(call.clone()).answer(1, result.clone());
    let contents = wire.contents();
    assert!(contents.one("write").record().input.is_none());
    let mut wire = Wire::with(|log| log.tools().previews(Capture::Preview).tap());
    wire.client(call.clone()).answer(1, result.clone());
    let contents = wire.contents();
    let record = contents.one("write").record();
    let (input, output) = (
        record.input.as_ref().unwrap(),
        record.output.as_ref().unwrap(),
    );
    assert!(
        input.text.contains("/a") && !input.text.contains("hunter2"),
        "{}",
        input.text
    );
    assert!(input.truncated && output.truncated && output.text.contains("yyy"));
    let mut wire = Wire::with(|log| log.tools().previews(Capture::Full).tap());
    wire.client(call).answer(1, result);
    let contents = wire.contents();
    let output = contents.one("write").record().output.clone().unwrap();
    assert!(output.text.len() > 200_000 && !output.truncated);
}

/// What is not MCP passes, too: it is counted, and disturbs nothing.
#[test]
fn what_is_no_message_is_counted() {
    let mut wire = Wire::new();
    wire.call(1, "good");
    let others = [
        "Server listening on stdio",
        "{\"id\": 1, \"result\": {",
        "{\"id\": 1, \"result\": \"{\\",
        "\"text\"",
        "17",
        "]}",
        "{\"id\": {}, \"method\": \"tools/call\", \"params\": {\"name\": \"x\"}}",
        "{\"id\": null, \"error\": {\"code\": 1}}",
        "{}",
    ];
    for other in others {
        wire.server.read(format!("{other}\r\n").as_bytes());
        wire.client.read(format!("{other}\n").as_bytes());
    }
    for hostile in [
        "{\"id\":9,\"method\":\"tools/call\"}",
        "{\"id\":9,\"method\":\"tools/call\",\"params\":[1]}",
        "{\"id\":9,\"method\":\"tools/call\",\"params\":{\"name\":{}}}",
        "{\"id\":9,\"method\":\"initialize\",\"params\":{\"clientInfo\":\"x\"}}",
        "{\"id\":9,\"method\":\"tools/list\"}",
    ] {
        wire.client.read(format!("{hostile}\n").as_bytes());
    }
    wire.server
        .read(b"{\"id\":9,\"result\":{\"tools\":[1,[],{\"name\":[]},{\"annotations\":7}]}}\n");
    wire.server.read(b"\n\n  \n{\"id\":1,\"result\":{}}\n");
    assert_eq!(wire.tap.counts().others, 2 * others.len() as u64);
    // A number at the end of a line that is not complete.
    wire.client
        .read(b"{\"id\":1\n{\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"next\"}}\n");
    wire.answer(2, json!({}));
    wire.contents().one("next").succeeded();
    wire.contents().count(2 + 3).one("good").succeeded();
}

/// Keys with escapes, in any order, twice, and names deep in other values.
#[test]
fn fields_are_found_as_a_parser_finds_them() {
    let mut wire = Wire::new();
    let call = r#" { "params" : { "arguments" : {"name": "no", "id": 3, "x": "\"}]\\"} , "name":"old", "n\u0061me" : "r\u00e9al \ud83d\ude00" } ,
        "result_": [[{"method": 1}]], "method": "tools\/call", "id" :1e0 } "#;
    wire.client.read(call.replace('\n', " ").as_bytes());
    wire.client.read(b"\n");
    wire.server.read(
        r#"{"result":{"structuredContent":{"isError":true},"content":[],"isError":false},"id":1}"#
            .as_bytes(),
    );
    wire.server.read(b"\n");
    wire.contents().one("réal 😀").succeeded();
}

#[test]
fn an_endless_message_takes_no_memory_and_is_still_answered() {
    let mut wire = Wire::with(|log| log.tools().previews(Capture::Preview).tap());
    wire.call(1, "big");
    wire.server
        .read(br#"{"result":{"content":[{"type":"text","text":"#);
    wire.server.read(b"\"");
    let part = vec![b'a'; 1 << 20];
    for _ in 0..64 {
        wire.server.read(&part);
    }
    wire.server.read(b"\"}");
    for _ in 0..64 {
        wire.server.read(&[b'['; 1 << 14]);
    }
    for _ in 0..64 {
        wire.server.read(&[b']'; 1 << 14]);
    }
    wire.server.read(b"],\"isError\":true},\"id\":1}\n");
    wire.contents().one("big").failed("tool_error");
}

#[test]
fn calls_that_are_never_answered_are_given_up_after_ten_thousand_others() {
    let mut wire = Wire::new();
    for id in 0..10_050 {
        wire.call(id, "silent");
    }
    assert_eq!(wire.tap.counts().unanswered, 50);
    wire.tap.close(&Outcome::cancelled());
    let contents = wire.contents();
    let unanswered = contents.activities().iter();
    let unanswered = unanswered.filter(|one| one.error_type.as_deref() == Some("unanswered"));
    assert_eq!(unanswered.count(), 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the bytes arrive, and whatever they are, the record is the same, and nothing panics.
    #[test]
    fn the_record_does_not_depend_on_how_bytes_are_split(
        pieces in prop::collection::vec(1_usize..40, 1..200),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Vec::new();
        for id in 0..8 {
            bytes.extend(format!("{}\n", json!({"id": id, "method": "tools/call", "params": {"name": "\"a\\ü", "arguments": {"a": [1.5, "\u{1f600}"]}}})).bytes());
        }
        bytes.extend(&noise);
        bytes.push(b'\n');
        bytes.extend(b"{\"id\":99,\"method\":\"tools/call\",\"params\":{\"name\":\"last\"}}\n");
        let read = |sizes: &mut dyn Iterator<Item = usize>| {
            let mut wire = Wire::with(|log| log.tools().previews(Capture::Preview).tap());
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
                wire.client.read(now);
                rest = later;
            }
            let counts = wire.tap.counts();
            wire.tap.close(&Outcome::cancelled());
            let contents = wire.contents();
            let rows = contents.activities().iter();
            let mut rows: Vec<_> = rows.map(|one| (one.name.clone(), one.input.clone().map(|input| input.text))).collect();
            rows.sort();
            (counts, rows)
        };
        let whole = read(&mut std::iter::repeat(usize::MAX));
        prop_assert_eq!(&whole, &read(&mut std::iter::repeat(1)));
        prop_assert_eq!(&whole, &read(&mut pieces.into_iter().cycle()));
        prop_assert!(whole.1.iter().any(|(name, _)| name == "last"));
    }
}
