//! The peers whose sink is a file of lines: tracing-appender, OpenTelemetry's batch processor and fastrace. Each writes one
//! line per call.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use fastrace::collector::{Reporter, SpanRecord};
use fastrace_tower::FastraceServerLayer;
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Runtime;
use tower::{Layer, util::BoxCloneService};
use tower_http::trace::TraceLayer;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, WorkerGuard};
use tracing_subscriber::{
    Layer as SubscriberLayer,
    layer::{Context, SubscriberExt},
};

use crate::{
    Failure,
    child::{self, Body, Call, Ended, Peer, Place},
};

type Service = BoxCloneService<http::Request<Body>, http::Response<Body>, std::convert::Infallible>;

/// Lines appended to a file or pipe, slowly if the sink is a slow one.
#[derive(Debug)]
struct Lines {
    file: File,
    slow: Option<Duration>,
}

impl Lines {
    fn open(path: &Path, slow: Option<Duration>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Lines { file, slow })
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(slow) = self.slow {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
            thread::sleep(slow * lines as u32);
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A service, and the end of its peer.
struct Under<End> {
    service: Service,
    end: End,
}

impl<End: FnOnce() -> Ended> Peer for Under<End> {
    fn call(&mut self) -> Call {
        child::call(&mut self.service)
    }

    fn end(self: Box<Self>, _: &Runtime) -> Ended {
        (self.end)()
    }
}

/// `TraceLayer` with its line per response, as JSON through tracing-appender's non-blocking writer with its defaults.
pub(crate) fn appender(place: &Place) -> Result<Box<dyn Peer>, Failure> {
    let lines = Lines::open(&place.sink, place.slow())?;
    let (writer, guard): (NonBlocking, WorkerGuard) = tracing_appender::non_blocking(lines);
    let dropped: ErrorCounter = writer.error_counter();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(writer)
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Box::new(Under {
        service: traced(place),
        end: move || {
            drop(guard);
            Ended::new(Some(dropped.dropped_lines() as u64), Ok::<_, Failure>(()))
        },
    }))
}

/// Only the response is a line; that of the request would double the load.
fn traced(place: &Place) -> Service {
    let layer = TraceLayer::new_for_http().on_request(()).on_eos(());
    let service = layer.layer(place.service());
    let service = tower::util::MapResponse::new(service, |response: http::Response<_>| {
        response.map(|_| Body::new())
    });
    BoxCloneService::new(service)
}

/// `TraceLayer` with tracing-opentelemetry and the batch processor with its defaults. The exporter writes a line per span.
pub(crate) fn opentelemetry(place: &Place) -> Result<Box<dyn Peer>, Failure> {
    let exporter = Exporter(Mutex::new(Lines::open(&place.sink, place.slow())?));
    let processor = BatchSpanProcessor::builder(exporter).build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    let dropped = Arc::new(AtomicU64::new(0));
    // The processor tells how many spans it dropped in an event of its own, at its shutdown.
    let counter = DroppedSpans(dropped.clone());
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("peers"));
    let subscriber = tracing_subscriber::registry().with(spans).with(counter);
    tracing::subscriber::set_global_default(subscriber)?;
    Ok(Box::new(Under {
        service: traced(place),
        end: move || {
            let result = provider.shutdown();
            Ended::new(Some(dropped.load(Relaxed)), result)
        },
    }))
}

/// Writes a batch, and returns the error as an exporter does.
#[derive(Debug)]
struct Exporter(Mutex<Lines>);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut text = String::new();
        for span in batch {
            // A span whose status is an error says how the call ended.
            let status = match span.status {
                Status::Error { .. } => "failed",
                _ => "ok",
            };
            text += &format!("{{\"name\":{:?},\"status\":\"{status}\"}}\n", span.name);
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = lines.write_all(text.as_bytes());
        written.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

/// Reads the number of dropped spans from the batch processor's event.
struct DroppedSpans(Arc<AtomicU64>);

impl<S: Subscriber> SubscriberLayer<S> for DroppedSpans {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut DroppedCount(&self.0));
    }
}

struct DroppedCount<'a>(&'a AtomicU64);

impl Visit for DroppedCount<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "dropped_span_count" {
            self.0.store(value, Relaxed);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if let Ok(value) = format!("{value:?}").parse() {
            self.record_u64(field, value);
        }
    }
}

/// fastrace-tower and fastrace with their defaults. The reporter writes a line per span; it cannot return an error.
pub(crate) fn fastrace(place: &Place) -> Result<Box<dyn Peer>, Failure> {
    let reporter = SpanLines(Lines::open(&place.sink, place.slow())?);
    fastrace::set_reporter(reporter, fastrace::collector::Config::default());
    let service = FastraceServerLayer::default().layer(place.service());
    Ok(Box::new(Under {
        service: BoxCloneService::new(service),
        end: || {
            fastrace::flush();
            Ended::new(None, Ok::<_, Failure>(()))
        },
    }))
}

struct SpanLines(Lines);

impl Reporter for SpanLines {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        let mut text = String::new();
        for span in spans {
            text += &format!("{{\"name\":{:?},\"ns\":{}}}\n", span.name, span.duration_ns);
        }
        // As the reporters of fastrace do: an error is at most logged.
        let _ = self.0.write_all(text.as_bytes());
    }
}
