//! Recordings with every status, with many chunks, and one that is linked to several activities.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tower_activity::{
    ActivityLog, Describe, Outcome, Result,
    record::{RecordingStatus, Text},
    recording::{Chunk, Resource, Sink, Stream},
    testing::ManualClock,
};

use super::calls::name;

/// A resource that ends its recording with a given status.
struct Ends {
    chunks: Vec<Chunk>,
    lost: u64,
    status: RecordingStatus,
}

impl Resource for Ends {
    fn format(&self) -> Text {
        Text::from_static("rrweb")
    }

    async fn start(&mut self, sink: Sink) -> Result<()> {
        self.chunks.drain(..).for_each(|chunk| sink.append(chunk));
        sink.lost(self.lost);
        sink.end(self.status);
        Ok(())
    }
}

pub async fn recordings(log: &ActivityLog, clock: &ManualClock) {
    use RecordingStatus::{Complete, Crashed, Gone, Lost, TimedOut, Truncated};

    for (n, status) in [Complete, Lost, Crashed, Gone, TimedOut, Truncated]
        .into_iter()
        .enumerate()
    {
        clock.advance(Duration::from_secs(400));
        let call = log.start(Describe::tool(name(n)).project("acme"));
        let resource = Ends {
            chunks: chunks(clock.now(), n),
            lost: if status == Complete { 0 } else { n as u64 },
            status,
        };
        let recording = call.attach(resource).await;
        drop(recording);
        clock.advance(Duration::from_secs(3));
        call.end(Outcome::success());
    }
    // One session across three calls.
    let first = log.start(Describe::tool("open the shop"));
    let session = first.attach(Stream::new("asciicast")).await;
    session.append(Chunk::new("\u{1b}[32mlogin\u{1b}[0m\r\n").track(""));
    first.end(Outcome::success());
    for name in ["fill the basket", "pay"] {
        clock.advance(Duration::from_secs(30));
        let call = log.start(Describe::tool(name));
        session.link(&call);
        session.append(Chunk::new(format!("{name} 買い物\n")).events(2));
        clock.advance(Duration::from_secs(2));
        call.end(Outcome::success());
    }
    session.stop().await;
    assert_eq!(session.outcome().ok(), Some(Complete));
}

/// Chunks of several tracks and sizes, some of them binary.
fn chunks(from: DateTime<Utc>, n: usize) -> Vec<Chunk> {
    let mut random = fastrand::Rng::with_seed(n as u64);
    let mut chunks = Vec::new();
    for number in 0..4 + n {
        let body: Vec<u8> = match number % 3 {
            0 => format!("{{\"type\":{number},\"data\":\"<p>größe 寸法</p>\"}}\n").into_bytes(),
            1 => std::iter::repeat_with(|| random.u8(..)).take(300).collect(),
            _ => b"{\"type\":3,\"data\":{}}\n".repeat(200),
        };
        let at = from + TimeDelta::milliseconds(250 * number as i64);
        let chunk = Chunk::new(body)
            .track(["tab 1", "вкладка 2", ""][number % 3])
            .events(1 + number as u64)
            .between(at, at + TimeDelta::milliseconds(200));
        chunks.push(chunk);
    }
    chunks
}
