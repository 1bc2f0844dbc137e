//! What a tap records of damaged conversations, and of those of the newest clients.

use proptest::prelude::*;
use serde_json::Value;
use tower_activity::{
    ActivityLog, Outcome,
    mcp::{Tap, TapCounts, TapReader},
    record::Capture,
    testing::LogContents,
};

/// Conversations of a client (`>`) and a server (`<`), separated by empty lines.
const CONVERSATIONS: &str = include_str!("wire_conversations.txt");

/// A connection.
struct Wire {
    log: ActivityLog,
    tap: Tap,
    client: TapReader,
    server: TapReader,
}

impl Wire {
    fn new() -> Self {
        let (log, _) = ActivityLog::test();
        let tools = log.tools().previews(Capture::Preview);
        let tap = tools.prompts().resources().tap();
        Wire {
            client: tap.client_reader(),
            server: tap.server_reader(),
            log,
            tap,
        }
    }

    /// Reads the bytes of lines that say which side sends them.
    fn converse(&mut self, lines: &str) -> &mut Self {
        for (side, bytes) in sent(lines.as_bytes()) {
            self.read(side, &bytes);
        }
        self
    }

    fn read(&mut self, side: u8, bytes: &[u8]) {
        match side {
            b'<' => self.server.read(bytes),
            _ => self.client.read(bytes),
        }
    }

    /// Returns the counts, and the records as text, without what is random.
    fn record(mut self) -> (TapCounts, Vec<String>) {
        // After a panic a reader reads no more.
        self.converse(
            "> \n< \n> {\"id\":\"last\",\"method\":\"tools/call\",\"params\":{\"name\":\"last\"}}",
        );
        self.converse("< {\"id\":\"last\",\"result\":{}}");
        self.tap.close(&Outcome::cancelled());
        let contents: LogContents = self.log.assert().wait();
        let lasts = contents
            .activities()
            .iter()
            .filter(|one| one.name == "last");
        let lasts: Vec<_> = lasts.map(|one| one.status.to_string()).collect();
        assert!(
            lasts.contains(&"success".to_owned()),
            "a reader panicked: {lasts:?}"
        );
        let rows = contents.activities().iter().map(|one| {
            let payload = |payload: &Option<_>| format!("{payload:?}");
            let (input, output) = (
                payload(&one.input.as_ref().map(|one| &one.text)),
                payload(&one.output.as_ref().map(|one| &one.text)),
            );
            format!(
                "{:?} {} {:?} {:?} {:?} {:?} {input} {output}",
                one.kind, one.name, one.status, one.error_type, one.message, one.scope.request
            )
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        (self.tap.counts(), rows)
    }
}

/// Returns who sends each line, and its bytes.
fn sent(lines: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.filter(|line| line.len() > 2);
    lines.map(|line| (line[0], line[2..].to_vec())).collect()
}

/// The client may send a call while the end of the server is noticed.
#[test]
fn a_call_that_comes_after_the_end_ends_like_those_before() {
    let mut wire = Wire::new();
    let call = |id: &str| {
        format!(
            "> {{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"call {id}\"}}}}\n"
        )
    };
    wire.converse(&call("1"));
    wire.tap.close(&Outcome::failed("server_exited"));
    wire.converse(&call("2"));
    let contents = wire.log.assert().wait();
    contents.one("call 1").failed("server_exited");
    contents.one("call 2").failed("server_exited");
}

#[test]
fn a_server_of_2026_names_itself_in_each_result() {
    let mut wire = Wire::new();
    wire.converse(
        "> {\"id\":1,\"method\":\"server/discover\"}
< {\"id\":1,\"result\":{\"supportedVersions\":[],\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"git\",\"version\":\"3\"}}}}
> {\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"later\"}}
< {\"id\":2,\"result\":{}}
",
    );
    let contents = wire.log.assert().wait();
    contents.one("later").attribute("mcp.server.name", "git");
    // A client may begin with a call.
    let mut wire = Wire::new();
    wire.converse(
        "> {\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"first\"}}
< {\"id\":2,\"method\":\"roots/list\"}
> {\"id\":2,\"result\":{\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"not a server\"}}}}
< {\"id\":1,\"result\":{\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"git\"}}}}
",
    );
    let contents = wire.log.assert().wait();
    contents.one("first").attribute("mcp.server.name", "git");
}

/// A change of a conversation.
#[derive(Debug, Clone)]
enum Change {
    Replace(u8),
    Insert(Vec<u8>),
    Remove(usize),
    /// Copies this many bytes to another place.
    Copy(usize, prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let index = any::<prop::sample::Index>;
    let json = prop::sample::select(&b"{}[]\":,\\ \n0e-tn\x00\xff"[..]);
    let change = prop_oneof![
        json.clone().prop_map(Change::Replace),
        prop::collection::vec(json, 1..6).prop_map(Change::Insert),
        any::<u8>().prop_map(Change::Replace),
        (1_usize..40).prop_map(Change::Remove),
        ((1_usize..300), index()).prop_map(|(length, to)| Change::Copy(length, to)),
    ];
    prop::collection::vec((index(), change), 0..6)
}

/// Applies changes to the bytes of one line.
fn change(line: &mut Vec<u8>, at: &prop::sample::Index, change: &Change) {
    let at = at.index(line.len());
    match change {
        Change::Replace(byte) => line[at] = *byte,
        Change::Insert(bytes) => drop(line.splice(at..at, bytes.iter().copied())),
        Change::Remove(length) => drop(line.drain(at..(at + length).min(line.len()))),
        Change::Copy(length, to) => {
            let copied = line[at..(at + length).min(line.len())].to_vec();
            let to = to.index(line.len());
            line.splice(to..to, copied);
        }
    }
}

/// The number of conversations.
fn cases() -> u32 {
    let set = std::env::var("PROPTEST_CASES").ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    /// Damaged, repeated and reordered messages in pieces of any size: no panic, and the same record as in one piece.
    #[test]
    fn a_damaged_conversation_has_one_record_however_it_is_split(
        conversation in any::<prop::sample::Index>(),
        damaged in prop::collection::vec((any::<prop::sample::Index>(), changes()), 0..4),
        swapped in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        pieces in prop::collection::vec(1_usize..60, 1..40),
    ) {
        let conversations: Vec<&str> = CONVERSATIONS.split("\n\n").collect();
        let mut lines = sent(conversation.get(&conversations).as_bytes());
        if let Some((one, other)) = swapped {
            let length = lines.len();
            lines.swap(one.index(length), other.index(length));
        }
        for (line, changes) in &damaged {
            let line = line.index(lines.len());
            for (at, one) in changes {
                if !lines[line].1.is_empty() {
                    change(&mut lines[line].1, at, one);
                }
            }
        }
        let read = |sizes: &mut dyn Iterator<Item = usize>| {
            let mut wire = Wire::new();
            for (side, bytes) in &lines {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
                    wire.read(*side, now);
                    rest = later;
                }
            }
            wire.record()
        };
        let whole = read(&mut std::iter::repeat(usize::MAX));
        prop_assert_eq!(&whole, &read(&mut std::iter::repeat(1)));
        prop_assert_eq!(&whole, &read(&mut pieces.into_iter().cycle()));
    }
}

/// Ids of every type, and answers without requests.
#[test]
fn only_an_id_that_was_asked_answers_a_call() {
    let ids = [
        "1",
        "\"1\"",
        "1.5",
        "-1",
        "18446744073709551616",
        "\"\"",
        "\"\\u0031\"",
    ];
    let others = ["null", "true", "[1]", "{\"id\":1}", "", "1e999"];
    for id in ids {
        let mut wire = Wire::new();
        let call =
            format!("{{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"asked\"}}}}");
        wire.converse(&format!("> {call}\n"));
        for other in ids.into_iter().chain(others) {
            let parsed = |id: &str| serde_json::from_str::<Value>(id).ok();
            if parsed(other) != parsed(id) {
                wire.converse(&format!("< {{\"id\":{other},\"error\":{{\"code\":1}}}}\n"));
            }
        }
        wire.converse(&format!("< {{\"id\":{id},\"result\":{{}}}}\n"));
        wire.log.assert().wait().count(1).one("asked").succeeded();
    }
}

/// Of an id that is long a hash is held, of the text and not of its JSON.
#[test]
fn requests_with_long_ids_are_told_apart_and_on_record() {
    let id = |last: &str| Value::from(format!("{}{last}", "é".repeat(5_000)));
    let call = |id: &Value, name: &str| {
        format!("> {{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{name}\"}}}}\n")
    };
    let mut wire = Wire::new();
    for (last, name) in [("a", "answered"), ("b", "cancelled"), ("c", "open")] {
        wire.converse(&call(&id(last), name));
    }
    // As Python writes it.
    let escaped = id("a").to_string().replace('é', "\\u00e9");
    wire.converse(&format!("< {{\"id\":{escaped},\"result\":{{}}}}\n"));
    let cancel = "notifications/cancelled";
    let requested = id("b");
    wire.converse(&format!(
        "> {{\"method\":\"{cancel}\",\"params\":{{\"requestId\":{requested}}}}}\n"
    ));
    let longer = Value::from("x".repeat(64 << 10));
    wire.converse(&call(&longer, "longer"));
    assert_eq!(wire.tap.counts().others, 1, "the longer one");
    let contents: LogContents = wire.log.assert().wait();
    contents.count(3);
    contents.one("answered").succeeded();
    contents.one("cancelled").cancelled();
    contents.one("open").running();
}
