//! The variants that are compared: the same service under each layer.

use std::{fs::File, path::Path, time::Duration};

use axum::body::HttpBody;
use fastrace_tower::FastraceServerLayer;
use http::{Request, Response};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};
use tower::{Layer, Service};
use tower_activity::{ActivityLayer, ActivityLog, Describe, Kind, Mode};
use tower_http::trace::TraceLayer;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    Failure,
    collect::{Counter, Lines},
    drive::{Burst, bursts},
    insert::{self, Inserting},
    service,
};

/// Every variant: its name, and the calls per burst.
pub(crate) const VARIANTS: &[(&str, usize)] = &[
    ("trace", BURST),
    ("trace-registry", BURST),
    ("trace-json", BURST),
    ("trace-otel", BURST),
    ("fastrace", BURST),
    ("insert-rusqlite", 100),
    (SQLX, 100),
    ("ours", BURST),
    ("ours-registry", BURST),
    ("ours-wait", BURST),
    ("ours-durable", 100),
    ("ours-rich", BURST),
    ("ours-disabled", BURST),
    ("http", BURST),
    ("http-registry", BURST),
];

/// A variant in a program of its own, `BENCH_SQLX`; skipped if that is not set.
pub(crate) const SQLX: &str = "insert-sqlx";

/// Fits the buffers of all: fastrace holds 10,240 commands per thread, and a call that waits once makes five.
pub(crate) const BURST: usize = 2000;

/// One variant, ready to run in this process.
pub(crate) struct Rig {
    /// The service under the layer, one per thread.
    pub(crate) wrapped: Vec<Burst>,
    /// The bare service, one per thread.
    pub(crate) bare: Vec<Burst>,
    pub(crate) record: Record,
}

/// The sink of a variant's records.
pub(crate) enum Record {
    Nothing,
    Ours(ActivityLog),
    Rows(insert::Shared),
    Lines(Counter, WorkerGuard),
    Otel(Counter, SdkTracerProvider),
    Fastrace(Counter),
}

impl Record {
    /// Waits until `calls` calls have arrived in the sink.
    pub(crate) fn drain(&self, calls: u64) -> Result<(), Failure> {
        match self {
            Record::Nothing | Record::Rows(_) => Ok(()),
            Record::Ours(log) => Ok(log.flush().wait()?),
            Record::Lines(counter, _) => counter.wait_for(calls),
            Record::Otel(counter, provider) => {
                provider.force_flush()?;
                counter.wait_for(calls)
            }
            Record::Fastrace(counter) => {
                fastrace::flush();
                counter.wait_for(calls)
            }
        }
    }

    /// Fails unless every call is recorded exactly once.
    pub(crate) fn check(self, calls: u64, path: &Path) -> Result<(), Failure> {
        let recorded = match self {
            Record::Nothing => calls,
            Record::Ours(log) => {
                let counts = log.shutdown().wait()?;
                if !counts.adds_up()
                    || counts.activities.rejected()
                        + counts.activities.lost()
                        + counts.activities.open
                        > 0
                {
                    return Err(format!("not all was recorded: {counts:?}").into());
                }
                let connection = rusqlite::Connection::open(path)?;
                let count = "SELECT count(*) FROM activity";
                connection.query_row(count, [], |row| row.get::<_, i64>(0))? as u64
            }
            Record::Rows(shared) => insert::rows(&shared)?,
            Record::Lines(counter, guard) => {
                drop(guard);
                counter.get()
            }
            Record::Otel(counter, _) | Record::Fastrace(counter) => counter.get(),
        };
        if recorded == calls {
            Ok(())
        } else {
            Err(format!("{recorded} of {calls} calls are on record").into())
        }
    }
}

/// Builds a variant around one of the services. Called once per process, because a global subscriber cannot be removed.
pub(crate) fn build(
    variant: &str,
    shape: &str,
    threads: usize,
    path: &Path,
) -> Result<Rig, Failure> {
    match shape {
        "ready" => around(&service::Prompt, service::request, variant, threads, path),
        "yield" => around(
            &service::PendingOnce,
            service::request,
            variant,
            threads,
            path,
        ),
        "axum" => around(
            &service::router(),
            service::axum_request,
            variant,
            threads,
            path,
        ),
        other => Err(format!("there is no shape {other:?}").into()),
    }
}

fn around<S, B, R>(
    inner: &S,
    request: fn() -> Request<B>,
    variant: &str,
    threads: usize,
    path: &Path,
) -> Result<Rig, Failure>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: std::fmt::Display + 'static,
    B: HttpBody + 'static,
    R: HttpBody<Error: std::fmt::Display> + 'static,
{
    let each = |make: &dyn Fn() -> Burst| (0..threads).map(|_| make()).collect::<Vec<_>>();
    let bare = each(&|| bursts(inner.clone(), request));
    let traced = || {
        let layer = TraceLayer::new_for_http();
        each(&|| bursts(layer.layer(inner.clone()), request))
    };
    let (wrapped, record) = match variant {
        "bare" => (each(&|| bursts(inner.clone(), request)), Record::Nothing),
        "trace" => (traced(), Record::Nothing),
        "trace-registry" => {
            tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
            (traced(), Record::Nothing)
        }
        "trace-json" => {
            let counter = Counter::default();
            let lines = Lines {
                file: File::create(path)?,
                counter: counter.clone(),
            };
            let (writer, guard) = NonBlockingBuilder::default().finish(lines);
            let subscriber = tracing_subscriber::fmt()
                .json()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(writer)
                .finish();
            tracing::subscriber::set_global_default(subscriber)?;
            (traced(), Record::Lines(counter, guard))
        }
        "trace-otel" => {
            let counter = Counter::default();
            let config = BatchConfigBuilder::default()
                .with_max_queue_size(16 * BURST)
                .with_scheduled_delay(Duration::from_secs(1))
                .build();
            let processor = BatchSpanProcessor::builder(counter.clone())
                .with_batch_config(config)
                .build();
            let provider = SdkTracerProvider::builder()
                .with_span_processor(processor)
                .build();
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("call"));
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
            (traced(), Record::Otel(counter, provider))
        }
        "fastrace" => {
            let counter = Counter::default();
            fastrace::set_reporter(counter.clone(), fastrace::collector::Config::default());
            let layer = FastraceServerLayer::default();
            let wrapped = each(&|| bursts(layer.layer(inner.clone()), request));
            (wrapped, Record::Fastrace(counter))
        }
        "insert-rusqlite" => {
            let shared = insert::open(path)?;
            let wrapped = each(&|| {
                let (inner, shared) = (inner.clone(), shared.clone());
                bursts(Inserting { inner, shared }, request)
            });
            (wrapped, Record::Rows(shared))
        }
        "ours-disabled" => {
            let log = ActivityLog::disabled();
            let layer = ActivityLayer::new(&log).describe(plain::<B>);
            let wrapped = each(&|| bursts(layer.layer(inner.clone()), request));
            (wrapped, Record::Nothing)
        }
        "ours-rich" => {
            let log = ActivityLog::open(path)?;
            let layer = ActivityLayer::new(&log).describe(rich::<B>);
            let wrapped = each(&|| bursts(layer.layer(inner.clone()), request));
            (wrapped, Record::Ours(log))
        }
        "http" | "http-registry" => {
            if variant == "http-registry" {
                tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
            }
            let log = ActivityLog::open(path)?;
            let layer = ActivityLayer::http(&log);
            let wrapped = each(&|| bursts(layer.layer(inner.clone()), request));
            (wrapped, Record::Ours(log))
        }
        "ours" | "ours-registry" | "ours-wait" | "ours-durable" => {
            if variant == "ours-registry" {
                tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
            }
            let mode = match variant {
                "ours-wait" => Mode::Wait,
                "ours-durable" => Mode::Durable,
                _ => Mode::Fast,
            };
            let log = ActivityLog::builder().mode(mode).open(path)?;
            let layer = ActivityLayer::new(&log).describe(plain::<B>);
            let wrapped = each(&|| bursts(layer.layer(inner.clone()), request));
            (wrapped, Record::Ours(log))
        }
        other => return Err(format!("there is no variant {other:?}").into()),
    };
    Ok(Rig {
        wrapped,
        bare,
        record,
    })
}

fn plain<B>(_: &Request<B>) -> Describe {
    Describe::new(Kind::Http, "GET /tools/search")
}

fn rich<B>(request: &Request<B>) -> Describe {
    Describe::new(Kind::Http, "GET /tools/search")
        .project("acme")
        .actor("ann")
        .session("5e551011")
        .attribute("http.path", request.uri().path())
        .attribute("attempt", 1)
}
