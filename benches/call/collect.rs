//! The sinks of the alternatives. Each counts its records, so that a run with losses fails.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use fastrace::collector::{Reporter, SpanRecord};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use crate::Failure;

/// A sink that counts records and drops them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    /// Waits until `count` records have arrived.
    pub(crate) fn wait_for(&self, count: u64) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.get() < count {
            if Instant::now() > deadline {
                return Err(format!("{} of {count} arrived in time", self.get()).into());
            }
            std::thread::yield_now();
        }
        Ok(())
    }
}

impl Reporter for Counter {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.add(spans.len());
    }
}

impl SpanExporter for Counter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.add(batch.len());
        Ok(())
    }
}

/// A sink that writes lines to a file, and counts the calls in them.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) file: File,
    pub(crate) counter: Counter,
}

impl Write for Lines {
    /// Writes one line at a time, as the subscriber does.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.file.write_all(line)?;
        // `TraceLayer` writes a line at the request, one at the response, and one at the end of a body: only the second
        // comes exactly once per call.
        let answered = str::from_utf8(line).is_ok_and(|line| line.contains("trace::on_response"));
        self.counter.add(usize::from(answered));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
