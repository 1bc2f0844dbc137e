//! Processes that are killed with open work.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use tower_activity::{
    Describe, Kind, Outcome,
    record::{Capture, TraceContext},
    recording::{Chunk, Stream},
};
use tracing_subscriber::{layer::SubscriberExt, registry};

use super::{DAYS, clock_at, open, runtime};
use crate::golden::texts::{ACTORS, NAMES};

/// Marks the process that is killed, and names the file that it records into.
pub const VICTIM: &str = "ACTIVITY_TEST_GOLDEN_VICTIM";

/// Records until it is killed, if this is that process.
pub fn record_as_victim() -> bool {
    let Ok(path) = std::env::var(VICTIM) else {
        return false;
    };
    let (day, path) = path.split_once(' ').unwrap();
    runtime().block_on(until_killed(path.as_ref(), day.parse().unwrap()));
    true
}

/// Starts a process that records, and kills it once its work is stored as open.
pub fn kill_one(path: &Path, test: &str, day: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, format!("{day} {}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines
        .map_while(|line| line.ok())
        .any(|line| line == "ready");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready, "the process exited before it was killed");
}

async fn until_killed(path: &Path, day: usize) {
    // With span ids from outside.
    let tracer = SdkTracerProvider::builder().build().tracer("golden");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let _tracing = tracing::subscriber::set_default(registry().with(layer));
    let clock = clock_at(DAYS[day]);
    let log = open(path, &clock);
    let turn = log.start(
        Describe::turn("a turn that is cut off")
            .project("acme")
            .agent("claude")
            .environment("production"),
    );
    turn.set_input(
        &json!({"text": "половина of a question ".repeat(300)}),
        Capture::Preview,
    );
    clock.advance(Duration::from_millis(800));
    let remote = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";
    let request = log.start(
        Describe::new(Kind::Grpc, "shop.v1.Shop/Buy")
            .remote_parent(TraceContext::parse(remote, None).unwrap())
            .session("s-1")
            .request("7"),
    );
    request.set("huge", "v".repeat(10_000));
    let call = log.start(
        Describe::tool(format!("{} {day}", NAMES[8]))
            .parent(&turn)
            .actor(ACTORS[3])
            .brand("netflix"),
    );
    call.set("rows", 42);
    call.event("deployment")
        .project("acme")
        .summary("inside")
        .record();
    let session = call.attach(Stream::new("frames")).await;
    for frame in 0..3 {
        clock.advance(Duration::from_millis(100));
        session.append(Chunk::new(format!("frame {frame}\n")).track("tab 1"));
    }
    session.link(&turn);
    let ended = log.start(Describe::job("ended before it was killed"));
    clock.advance(Duration::from_millis(2));
    ended.end(Outcome::success());
    log.flush().await.unwrap();
    println!("\nready");
    // Ends by itself if it is not killed.
    tokio::time::sleep(Duration::from_secs(60)).await;
}
