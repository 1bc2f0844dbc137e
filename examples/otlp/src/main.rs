//! Records activities, and exports their spans to an OTLP receiver under the same ids.
//!
//! The store is `ACTIVITY_STORE` [default: `activity.db`], the receiver `OTEL_EXPORTER_OTLP_ENDPOINT`
//! [default: `http://localhost:4318`, where a collector listens].

use std::{error::Error, thread};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower_activity::{Activity, ActivityLog, Describe, Outcome};
use tracing_subscriber::{layer::SubscriberExt, registry, util::SubscriberInitExt};

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = SpanExporter::builder().with_http().build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("otlp-example");
    registry()
        .with(tracing_opentelemetry::layer().with_tracer(tracer)) // the line that this example is about
        .try_init()?;

    let log = ActivityLog::from_env()?;
    log.start(Describe::job("import").project("acme")).run(|| {
        let activity = Activity::current();
        let load = log.clone();
        // Another thread, to which the activity is carried over.
        let loading = thread::spawn(move || {
            activity.enter(|| load.start(Describe::job("load")).end(Outcome::success()));
        });
        let checked = log.start(Describe::job("check"));
        checked.end(Outcome::failed("denied").with_message("the seal is broken"));
        loading.join().map_err(|_| "loading panicked")
    })?;
    log.shutdown().wait()?;
    provider.shutdown()?;
    Ok(())
}
