//! Reading a conversation never panics, does not depend on how its bytes are split, and takes linear time.
#![no_main]

use std::sync::Mutex;

use libfuzzer_sys::fuzz_target;
use tower_activity::{
    ActivityLog, Outcome,
    mcp::{Tap, TapCounts, TapReader},
    record::Capture,
};
use tower_activity_fuzz::linear_bytes;

/// The conversations that one log records, so that its memory is bounded.
const MOST: u32 = 5_000;

static LOG: Mutex<Option<(ActivityLog, u32)>> = Mutex::new(None);

/// Returns a connection.
fn tap() -> Tap {
    let mut current = LOG.lock().expect("nothing panics while it is locked");
    if current.as_ref().is_none_or(|(_, used)| *used >= MOST) {
        let log = ActivityLog::open(":memory:").expect("a store in memory opens");
        *current = Some((log, 0));
    }
    let (log, used) = current.as_mut().expect("it was just opened");
    *used += 1;
    let tools = log.tools().previews(Capture::Preview);
    tools.prompts().resources().tap()
}

/// Reads lines, each of which begins with the side that sends it, in pieces of so many bytes.
fn read(data: &[u8], size: usize) -> TapCounts {
    let tap = tap();
    let (mut client, mut server) = (tap.client_reader(), tap.server_reader());
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        let reader = match line[0] {
            b'<' => &mut server,
            _ => &mut client,
        };
        for piece in line[1..].chunks(size) {
            reader.read(piece);
        }
    }
    // After a panic a reader reads no more.
    let reads = |reader: &mut TapReader| {
        reader.read(b"\n");
        let before = tap.counts().messages;
        reader.read(b"{\"method\":\"ping\",\"id\":1}\n");
        tap.counts().messages > before
    };
    assert!(reads(&mut client), "reading what the client sends panicked");
    assert!(reads(&mut server), "reading what the server sends panicked");
    tap.close(&Outcome::cancelled());
    tap.counts()
}

fuzz_target!(|data: &[u8]| {
    let whole = read(data, usize::MAX);
    assert_eq!(whole, read(data, 1), "it depends on how bytes are split");
    assert_eq!(whole, read(data, 7), "it depends on how bytes are split");
    linear_bytes(b"", data, 256 << 10, |long| {
        read(long, usize::MAX);
    });
});
