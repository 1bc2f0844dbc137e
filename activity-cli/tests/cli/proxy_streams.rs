//! `activity proxy` with streams that are far longer than a conversation, or not one at all.

use std::{
    fs,
    io::{Read, Write},
    process::Stdio,
    thread,
};

use crate::fixture::Fixture;

/// The most memory that a proxy takes.
const MOST_KILOBYTES: u64 = 96 << 10;

/// Sends the beginning and then the part again and again through a proxy of `cat`. Checks what comes back, and returns the most
/// memory that the proxy has taken.
fn stream(beginning: &str, part: &str, bytes: usize) -> u64 {
    let fixture = Fixture::new();
    let path = fixture.path();
    let args = [
        "--store",
        path.to_str().unwrap(),
        "proxy",
        "--capture",
        "full",
        "--",
        "cat",
    ];
    let mut command = fixture.command(&args);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    // Large enough for one system call to be cheap.
    let part = part.repeat((1 << 20) / part.len());
    let (first, again) = (beginning.to_owned(), part.clone());
    let times = bytes / part.len();
    let sender = thread::spawn(move || {
        input.write_all(first.as_bytes()).unwrap();
        for _ in 0..times {
            input.write_all(again.as_bytes()).unwrap();
        }
        input
    });
    let mut received = vec![0; beginning.len()];
    output.read_exact(&mut received).unwrap();
    assert_eq!(received, beginning.as_bytes());
    received = vec![0; part.len()];
    for _ in 0..times {
        output.read_exact(&mut received).unwrap();
        assert!(received == part.as_bytes(), "other bytes came back");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let most = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let most = most.trim().trim_end_matches(" kB").parse().unwrap();
    drop(sender.join().unwrap());
    assert!(child.wait().unwrap().success());
    most
}

#[test]
fn a_hostile_stream_passes_unchanged_in_bounded_memory() {
    let megabytes = std::env::var("ACTIVITY_TEST_PROXY_MEGABYTES").ok();
    let megabytes: usize = megabytes.and_then(|set| set.parse().ok()).unwrap_or(8);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"#;
    let result = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":""#;
    let cases = [
        ("no line feed", "", "x"),
        ("deep JSON", call, "["),
        ("a long text", result, "\\u00e9"),
        ("many keys", "{\"id\":1,\"params\":{", "\"name\":1,"),
        ("a long key", "{\"", "k"),
        ("a long id", "{\"id\":\"", "1"),
        ("many batches", "", "[{\"id\":1},[{}],"),
        ("answers without requests", "", "{\"id\":1,\"result\":{}}\n"),
        (
            "requests of a server",
            "",
            "{\"id\":[],\"method\":\"roots/list\"}\n",
        ),
        (
            "many tools",
            "{\"id\":1,\"result\":{\"tools\":[",
            "{\"name\":\"a\",\"_meta\":{}},",
        ),
    ];
    for (name, beginning, part) in cases {
        // Four times as much of what takes the least time.
        let bytes = megabytes
            << if beginning.is_empty() && part == "x" {
                22
            } else {
                20
            };
        let most = stream(beginning, part, bytes);
        println!("{name}: {bytes} bytes, at most {most} kB of memory");
        assert!(most < MOST_KILOBYTES, "{name}: {most} kB");
    }
}
