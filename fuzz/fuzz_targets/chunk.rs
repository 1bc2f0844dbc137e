//! Any bytes are the same after they were appended to a recording and exported. Any bytes in the place of a chunk are either
//! exported or counted as damaged, and never become more than a chunk may have.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower_activity::{
    ActivityLog, Describe, Outcome,
    query::ActivityReader,
    record::RecordingId,
    recording::{Chunk, Stream},
};

/// The most bytes that one chunk may decode to.
const MOST: usize = 64 << 20;
/// The recordings of one log, so that its file is bounded.
const RECORDINGS: u32 = 5_000;

struct Store {
    runtime: Runtime,
    log: ActivityLog,
    reader: ActivityReader,
    /// Changes the only chunk of `recording`.
    connection: Connection,
    recording: RecordingId,
    used: u32,
    _folder: TempDir,
}

thread_local!(static STORE: RefCell<Option<Store>> = const { RefCell::new(None) });

impl Store {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("activity.db");
        let log = ActivityLog::open(&path).expect("a store opens");
        let recording = record(&runtime, &log, b"first");
        Store {
            runtime,
            reader: log.reader().expect("it is read"),
            connection: Connection::open(&path).expect("it opens"),
            recording,
            log,
            used: 0,
            _folder: folder,
        }
    }
}

/// Records a stream of one chunk.
fn record(runtime: &Runtime, log: &ActivityLog, body: &[u8]) -> RecordingId {
    let call = log.start(Describe::job("shop"));
    let stream = runtime.block_on(call.attach(Stream::new("frames")));
    stream.append(Chunk::new(body));
    let id = stream.id().expect("it is recorded");
    drop(stream);
    call.end(Outcome::success());
    log.flush().wait().expect("it commits");
    id
}

/// Exports a recording: its bytes, and the number of damaged chunks.
fn export(reader: &mut ActivityReader, recording: RecordingId) -> (Vec<u8>, u64) {
    let mut out = Vec::new();
    let tail = reader
        .follow(recording, "", 0, &mut out)
        .expect("it is read");
    (out, tail.damaged)
}

fuzz_target!(|data: &[u8]| {
    STORE.with_borrow_mut(|current| {
        if current
            .as_ref()
            .is_none_or(|store| store.used >= RECORDINGS)
        {
            *current = Some(Store::new());
        }
        let store = current.as_mut().expect("it was just made");
        store.used += 1;
        // The first byte of a frame is 0x28: half of all inputs are read as frames.
        if data.first().is_some_and(|first| first % 2 == 0) {
            let damage = "UPDATE chunk SET body = ?1 WHERE rowid = (SELECT min(rowid) FROM chunk)";
            let changed = store
                .connection
                .execute(damage, [data])
                .expect("it is changed");
            assert_eq!(changed, 1);
            let (out, damaged) = export(&mut store.reader, store.recording);
            assert!(
                out.len() <= MOST,
                "{} bytes became {}",
                data.len(),
                out.len()
            );
            assert!(
                damaged == 0 || out.is_empty(),
                "a damaged chunk is exported"
            );
            if damaged == 0 {
                assert_eq!(zstd::decode_all(data).ok(), Some(out));
            }
        } else {
            let recording = record(&store.runtime, &store.log, data);
            assert_eq!(export(&mut store.reader, recording), (data.to_vec(), 0));
        }
    });
});
