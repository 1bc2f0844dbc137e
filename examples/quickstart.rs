//! A service under the layer: each of its calls becomes an activity.

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = std::env::var("ACTIVITY_STORE").unwrap_or_else(|_| "activity.db".into());
    let log = ActivityLog::open(store)?;

    let mut parse = ServiceBuilder::new()
        .layer(
            ActivityLayer::new(&log)
                .describe(|_: &String| Describe::job("parse"))
                .classify(Outcome::of),
        )
        .service(service_fn(async |text: String| {
            Activity::current().set("bytes", text.len());
            text.parse::<u32>()
        }));
    for text in ["42", "forty-two"] {
        println!("{:?}", parse.ready().await?.call(text.into()).await);
    }

    println!(
        "{} calls are on record",
        log.shutdown().await?.activities.committed
    );
    Ok(())
}
