//! Activities on record, and their spans at an OTLP receiver, under the same ids: what is found in one place is found in
//! the other.
//!
//! `ACTIVITY_STORE` says where the record is kept, `OTEL_EXPORTER_OTLP_ENDPOINT` where the receiver is:
//! `http://localhost:4318` by default, which is where a collector listens.

use std::{env, error::Error, thread};

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
        .with(tracing_opentelemetry::layer().with_tracer(tracer)) // the one line that this example is about
        .try_init()?;

    let store = env::var_os("ACTIVITY_STORE").unwrap_or_else(|| "activity.db".into());
    let log = ActivityLog::open(store)?;
    log.start(Describe::job("import").project("acme")).run(|| {
        let activity = Activity::current();
        let load = log.clone();
        // Another thread, which takes the activity along.
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
