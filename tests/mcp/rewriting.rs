//! With additions exactly lists of tools and arguments of calls change on the wire; all other bytes stay, in their order.

use proptest::prelude::*;
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Kind, Outcome, Status,
    mcp::{Intent, Tap, TapRewriter, ToolOptions},
    record::{ActivityRecord, Capture},
};

use crate::support::rows;

/// A client and a server whose messages are rewritten.
struct Wire {
    log: ActivityLog,
    tap: Tap,
    client: TapRewriter,
    server: TapRewriter,
}

impl Wire {
    fn new(options: impl FnOnce(ToolOptions) -> ToolOptions) -> Self {
        let (log, _) = ActivityLog::test();
        let tap = options(log.tools()).tap();
        Wire {
            client: tap.client_rewriter(),
            server: tap.server_rewriter(),
            log,
            tap,
        }
    }

    fn both() -> Self {
        Wire::new(|tools| tools.intent(Intent::optional()).missing_tool())
    }

    /// Passes a list of tools that accept any arguments.
    fn with_list(mut self, tools: &[&str]) -> Self {
        self.client(LIST);
        let tools = tools
            .iter()
            .map(|name| json!({"name": name, "inputSchema": {}}));
        let tools: Vec<Value> = tools.collect();
        let answer = json!({"id": 1, "result": {"tools": tools}}).to_string();
        assert_ne!(self.server(&answer), format!("{answer}\n"));
        self
    }

    /// Sends a line of the client, and returns what the server gets.
    fn client(&mut self, line: &str) -> String {
        read(&mut self.client, &format!("{line}\n"))
    }

    fn server(&mut self, line: &str) -> String {
        read(&mut self.server, &format!("{line}\n"))
    }

    fn answers(&mut self) -> String {
        let mut answers = Vec::new();
        self.server.answers(&mut answers);
        String::from_utf8(answers).unwrap()
    }

    fn rows(&self) -> Vec<ActivityRecord> {
        rows(&self.log).0
    }
}

fn read(rewriter: &mut TapRewriter, text: &str) -> String {
    let mut passed = Vec::new();
    rewriter.read(text.as_bytes(), &mut passed);
    String::from_utf8(passed).unwrap()
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[test]
fn a_list_is_changed_at_two_places_and_keeps_all_other_bytes() {
    let mut wire = Wire::both();
    assert_eq!(wire.client(LIST), format!("{LIST}\n"));
    let list = r#" {"id" : 1.0, "result":{"x":1.50, "tools":[ {"name":"a","inputSchema":{"type":"object","properties":{"z":{"maximum":12345678901234567890123},"b":{}} },"_meta":{}}, {"inputSchema":{ },"name":"\u0062"} ],"nextCursor":null}} "#;
    let passed = wire.server(list);
    let parsed: Value = serde_json::from_str(&passed).unwrap();
    let property =
        parsed["result"]["tools"][0]["inputSchema"]["properties"]["call_intent"].to_string();
    let tool = passed[passed.find(r#",{"name":"report_missing_tool""#).unwrap()..].to_owned();
    let tool = &tool[..tool.find(r#"],"nextCursor""#).unwrap()];
    let expected = list
        .replace(
            r#""b":{}}"#,
            &format!(r#""b":{{}},"call_intent":{property}}}"#),
        )
        .replace(
            r#""inputSchema":{ }"#,
            &format!(r#""inputSchema":{{ "properties":{{"call_intent":{property}}}}}"#),
        )
        .replace(r#"} ],"next"#, &format!(r#"}} {tool}],"next"#));
    assert_eq!(passed, format!("{expected}\n"));
    let tool = &parsed["result"]["tools"][2];
    assert_eq!(tool["inputSchema"]["required"], json!(["missing"]));
    assert!(tool["inputSchema"]["properties"]["call_intent"].is_object());
}

#[test]
fn the_reason_is_taken_out_of_the_arguments_and_recorded() {
    let mut wire = Wire::new(|tools| {
        tools
            .intent(Intent::optional())
            .previews(Capture::Full)
            .prompts()
    })
    .with_list(&["add"]);
    let call = |id: u32, name: &str, arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id}, "method":"tools\/call","params":{{"name":"{name}", "arguments":{arguments},"_meta":{{}}}}}}"#
        )
    };
    let mut check = |arguments: &str, expected: &str| {
        let passed = wire.client(&call(7, "add", arguments));
        assert_eq!(passed, format!("{}\n", call(7, "add", expected)));
    };
    check(
        r#"{"n":12345678901234567890123,"call_intent":"sum up","f":1.0}"#,
        r#"{"n":12345678901234567890123,"f":1.0}"#,
    );
    check(r#"{ "a" : 1 }"#, r#"{ "a" : 1 }"#);
    check(r#"{"call_intent":"only"}"#, "{}");
    check("null", "null");
    check("[1]", "[1]");
    wire.tap.close(&Outcome::cancelled());
    let rows = wire.rows();
    let intents: Vec<_> = rows
        .iter()
        .filter_map(|row| row.attributes.get("mcp.intent"))
        .collect();
    assert_eq!(intents.len(), 2, "{intents:?}");
    assert!(intents.contains(&&json!("sum up")) && intents.contains(&&json!("only")));
    for row in &rows {
        let input = row.input.as_ref().map(|input| input.text.as_str());
        assert!(
            !input.unwrap_or_default().contains("call_intent"),
            "{row:?}"
        );
    }
}

#[test]
fn tools_with_a_parameter_of_that_name_keep_it() {
    let mut wire = Wire::both();
    wire.client(LIST);
    let list = r#"{"id":1,"result":{"tools":[{"name":"report_missing_tool","inputSchema":{"properties":{"call_intent":{}}}},{"name":"odd","inputSchema":true}]}}"#;
    assert_eq!(wire.server(list), format!("{list}\n"));
    for tool in ["report_missing_tool", "odd"] {
        let call = json!({"id": 2, "method": "tools/call", "params": {
            "name": tool, "arguments": {"call_intent": "mine"},
        }});
        assert_eq!(wire.client(&call.to_string()), format!("{call}\n"));
    }
    assert!(!wire.tap.has_answers());
}

#[test]
fn a_call_of_a_tool_that_was_not_extended_passes_unchanged() {
    let own = |tool: &str| {
        json!({"id": 2, "method": "tools/call", "params": {
            "name": tool, "arguments": {"missing": "x", "call_intent": "of the tool"},
        }})
    };
    let check = |wire: &mut Wire, tool: &str, is_changed: bool| {
        let call = own(tool).to_string();
        let passed = wire.client(&call);
        assert_eq!(
            passed != format!("{call}\n"),
            is_changed,
            "{tool}: {passed}"
        );
    };
    let tool = |name: &str| json!({"name": name, "inputSchema": {}});
    let list = |tools: &[Value]| json!({"id": 1, "result": {"tools": tools}}).to_string();

    // Before any list, and of tools that no list has.
    let mut wire = Wire::both();
    check(&mut wire, "a", false);
    check(&mut wire, "report_missing_tool", false);
    let mut wire = Wire::both().with_list(&["a"]);
    check(&mut wire, "a", true);
    check(&mut wire, "b", false);

    // Of lists that pass unchanged: too long, not UTF-8, with too long an id, one of too many.
    let mut wire = Wire::both();
    wire.client(LIST);
    let long = tool(&"x".repeat(5 << 20));
    wire.server(&list(&[tool("a"), long]));
    check(&mut wire, "a", false);
    let mut passed = Vec::new();
    let latin = list(&[tool("a"), tool("@")]).into_bytes().into_iter();
    let latin: Vec<u8> = latin
        .map(|byte| if byte == b'@' { 0xff } else { byte })
        .collect();
    wire.server.read(&[&latin[..], b"\n"].concat(), &mut passed);
    assert!(passed.starts_with(&latin));
    check(&mut wire, "a", false);
    for id in 10..10 + 256 {
        wire.client(&json!({"id": id, "method": "tools/list"}).to_string());
    }
    let forgotten = list(&[tool("a")]);
    assert_eq!(wire.server(&forgotten), format!("{forgotten}\n"));
    check(&mut wire, "a", false);
    // However long its id is.
    let id = "i".repeat(600);
    wire.client(&json!({"id": id, "method": "tools/list"}).to_string());
    let answer = json!({"id": id, "result": {"tools": [tool("a")]}}).to_string();
    assert_ne!(wire.server(&answer), format!("{answer}\n"));
    check(&mut wire, "a", true);

    // Tools that cannot be remembered are not extended.
    let mut wire = Wire::new(|tools| tools.intent(Intent::optional()));
    let long = "n".repeat(257);
    let tools: Vec<Value> = std::iter::once(tool(&long))
        .chain((0..4_097).map(|number| tool(&format!("t{number}"))))
        .collect();
    wire.client(LIST);
    let passed: Value = serde_json::from_str(&wire.server(&list(&tools))).unwrap();
    let tools = passed["result"]["tools"].as_array().unwrap();
    for (name, is_extended) in [
        (&*long, false),
        ("t0", true),
        ("t4095", true),
        ("t4096", false),
    ] {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let schema = &tool["inputSchema"];
        assert_eq!(
            schema["properties"]["call_intent"].is_object(),
            is_extended,
            "{name}"
        );
        check(&mut wire, name, is_extended);
    }

    // A later list decides.
    let mut wire = Wire::both().with_list(&["a"]);
    wire.client(LIST);
    let changed = json!({"name": "a", "inputSchema": {"properties": {"call_intent": {}}}});
    wire.server(&list(&[changed, tool("report_missing_tool")]));
    check(&mut wire, "a", false);
    check(&mut wire, "report_missing_tool", true);
    assert!(!wire.tap.has_answers(), "the server has its own");
}

#[test]
fn reports_that_find_no_room_reach_the_server() {
    let mut wire = Wire::both().with_list(&[]);
    // Meanwhile no answer can be passed on.
    read(&mut wire.server, "half a line");
    let report = |id: &str| {
        json!({"id": id, "method": "tools/call", "params": {
            "name": "report_missing_tool", "arguments": {"missing": "x"},
        }})
        .to_string()
    };
    let long = report(&"i".repeat(2 << 20));
    assert_eq!(wire.client(&long), format!("{long}\n"));
    let one = "i".repeat(500 << 10);
    assert_eq!(wire.client(&report(&one)), "");
    assert_eq!(wire.client(&report(&one)), "");
    assert_eq!(wire.client(&report(&one)), format!("{}\n", report(&one)));
    let batch = format!("[{},{}]", report("a"), report(&one));
    assert_eq!(wire.client(&batch), format!("[{}]\n", report(&one)));
    let passed = read(&mut wire.server, "\n");
    assert_eq!(passed.lines().count(), 4, "the line and three answers");
    assert_eq!(wire.client(&report(&one)), "");
}

#[test]
fn only_the_answer_of_a_list_is_changed() {
    let answer = r#"{"id":1,"result":{"tools":[]}}"#;
    let mut wire = Wire::both();
    let changes = |wire: &mut Wire| wire.server(answer) != format!("{answer}\n");
    assert!(!changes(&mut wire), "not asked for");
    // Ids may repeat, and are answered in their order.
    wire.client(LIST);
    wire.client(r#"{"id":1,"method":"tools/list","params":{"cursor":"2"}}"#);
    assert!(changes(&mut wire), "the first page gets the tool");
    assert!(!changes(&mut wire), "the second does not");
    wire.client(r#"{"id":"1","method":"tools/list","params":{"cursor":null}}"#);
    assert!(!changes(&mut wire), "another id");
    let error = r#"{"id":"1","error":{"code":1,"message":"x"}}"#;
    assert_eq!(wire.server(error), format!("{error}\n"));
    wire.client(LIST);
    let odd = r#"{"id":1,"result":{"tools":{"a":1}}}"#;
    assert_eq!(wire.server(odd), format!("{odd}\n"));
}

#[test]
fn a_report_is_answered_between_two_lines_and_does_not_reach_the_server() {
    let mut wire = Wire::new(|tools| {
        tools
            .intent(Intent::optional())
            .missing_tool()
            .previews(Capture::Full)
    })
    .with_list(&[]);
    let report = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"report_missing_tool","arguments":{{"missing":"send mail","call_intent":"tell Ann"}}}}}}"#
        )
    };
    assert_eq!(read(&mut wire.server, "half a "), "half a ");
    assert_eq!(wire.client(&report("\"x\"")), "");
    assert!(wire.tap.has_answers());
    assert_eq!(wire.answers(), "", "a line is not complete");
    let passed = read(&mut wire.server, "line\n{\"id\":");
    let (line, answer) = passed.split_once('\n').unwrap();
    assert_eq!(line, "line");
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(
        (&answer["id"], &answer["result"]["isError"]),
        (&json!("x"), &json!(false))
    );

    // In a batch.
    let ping = r#"{"id":3, "method":"ping"}"#;
    let passed = wire.client(&format!("[{}, {ping},{}]", report("1"), report("2")));
    assert_eq!(passed, format!("[{ping}]\n"));
    assert_eq!(wire.client(&format!("[{}]", report("4"))), "");
    let answers = wire.answers();
    assert_eq!(answers.lines().count(), 3, "{answers}");
    assert_eq!(read(&mut wire.server, "3}\n"), "{\"id\":3}\n");

    let all = wire.rows();
    assert_eq!(all.len(), 4);
    for row in all {
        assert_eq!(
            (row.kind, row.name.as_str()),
            (Kind::Tool, "report_missing_tool")
        );
        assert_eq!(row.attributes["mcp.missing_tool"], "send mail");
        assert_eq!(row.attributes["mcp.intent"], "tell Ann");
        assert_eq!(row.status, Status::Success);
        let input = row.input.unwrap().text;
        assert!(!input.contains("call_intent"), "{input}");
    }
}

#[test]
fn the_calls_of_a_batch_are_changed_where_they_stand() {
    let mut wire = Wire::both().with_list(&["a"]);
    let call = |id: u32, arguments: &str| {
        format!(
            r#"{{"id":{id},"method":"tools/call","params":{{"name":"a","arguments":{arguments}}}}}"#
        )
    };
    let batch =
        |arguments: &str| format!("[ {} ,\t{}]", call(1, "{\"x\":1.0}"), call(2, arguments));
    assert_eq!(
        wire.client(&batch(r#"{"call_intent":"why"}"#)),
        format!("{}\n", batch("{}"))
    );
    wire.client(&format!("[{LIST}]"));
    let list = r#"[{"id":9}, {"id":1,"result":{"tools":[]}}]"#;
    let passed = wire.server(list);
    assert!(
        passed.starts_with(r#"[{"id":9}, {"id":1,"result":{"tools":[{"name":"report_"#),
        "{passed}"
    );
}

#[test]
fn a_message_that_is_too_long_passes_unchanged_and_is_counted() {
    let mut wire = Wire::both().with_list(&["a"]);
    let long = "x".repeat(5 << 20);
    let call = format!(
        r#"{{"id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"call_intent":"why","x":"{long}"}}}}}}"#
    );
    assert!(wire.client(&call) == format!("{call}\n"));
    let call =
        r#"{"id":2,"method":"tools/call","params":{"name":"a","arguments":{"call_intent":"why"}}}"#;
    assert_eq!(
        wire.client(call),
        format!("{}\n", call.replace(r#""call_intent":"why""#, ""))
    );
    let counts = wire.tap.counts();
    assert_eq!((counts.too_long, counts.messages), (1, 4));
}

#[test]
fn a_last_line_without_an_end_is_rewritten_too() {
    let mut wire = Wire::both().with_list(&["a"]);
    let call =
        r#"{"id":2,"method":"tools/call","params":{"name":"a","arguments":{"call_intent":"why"}}}"#;
    assert_eq!(read(&mut wire.client, call), "", "it may go on");
    let mut passed = Vec::new();
    wire.client.finish(&mut passed);
    assert_eq!(
        String::from_utf8(passed).unwrap(),
        call.replace(r#""call_intent":"why""#, "")
    );
    assert_eq!(
        read(&mut wire.server, "Password: "),
        "Password: ",
        "not a message"
    );
}

/// A line of a client or a server that is neither a list of tools nor a call with a reason.
fn other_line() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        Just(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"f":1.0e5}}"#.to_owned()),
        Just(r#"{"method":"notifications/progress","params":{"call_intent":"x"}}"#.to_owned()),
        Just(r#"{"id":5,"method":"tools/call","params":{"name":"a","arguments":{"b":1 }}}"#.to_owned()),
        Just(r#"{"id":5,"method":"prompts/get","params":{"name":"a","arguments":{"call_intent":"x"}}}"#.to_owned()),
        Just(r#"{"id":7,"method":"tools/call","params":{"name":"a","arguments":{"call_intent":"#.to_owned()),
        Just(r#"[{"id":5,"method":"ping"} ]"#.to_owned()),
        "[ -~]{0,40}",
        "\\{[ -~]{0,40}\\}",
    ];
    prop_oneof![
        8 => (message, prop_oneof![Just("\n"), Just("\r\n"), Just(" \n")])
            .prop_map(|(message, end)| format!("{message}{end}").into_bytes()),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(|mut bytes| {
            bytes.retain(|byte| *byte != b'\n');
            bytes.push(b'\n');
            bytes
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_other_bytes_stay_in_their_order(
        lines in proptest::collection::vec((other_line(), any::<bool>()), 0..12),
        sizes in proptest::collection::vec(1_usize..60, 1..20),
        from_client in any::<bool>(),
    ) {
        let mut wire = Wire::both().with_list(&["t"]);
        let call = |reason: &str| format!(
            "{{\"id\":6,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{{reason}}}}}}}\n"
        );
        let (mut sent, mut expected) = (Vec::new(), Vec::new());
        for (line, with_call) in lines {
            sent.extend(&line);
            expected.extend(&line);
            if with_call && from_client {
                sent.extend(call("\"call_intent\":\"because\"").bytes());
                expected.extend(call("").bytes());
            }
        }
        let side = if from_client { &mut wire.client } else { &mut wire.server };
        let (mut passed, mut rest) = (Vec::new(), &sent[..]);
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at((*size).min(rest.len()));
            side.read(part, &mut passed);
            rest = after;
        }
        side.finish(&mut passed);
        prop_assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn without_additions_every_byte_passes_at_once(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut wire = Wire::new(|tools| tools);
        let mut passed = Vec::new();
        wire.client.read(&bytes, &mut passed);
        prop_assert_eq!(&passed, &bytes);
    }
}
