//! Where the peers leave what they recorded: each counts it, so that a run with losses does not count.

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

/// Counts what arrives, and keeps nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    /// Waits until so many have arrived.
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

/// Writes lines to a file and counts them.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) file: File,
    pub(crate) counter: Counter,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        let lines = bytes[..written].iter().filter(|byte| **byte == b'\n');
        self.counter.add(lines.count());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
