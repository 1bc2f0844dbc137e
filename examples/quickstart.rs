//! A service under the layer: each of its calls is recorded as an activity.

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, Outcome};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = ActivityLog::from_env()?;

    let mut parse = ServiceBuilder::new()
        .layer(
            ActivityLayer::new(&log)
                .describe(|_| Describe::job("parse"))
                .classify(Outcome::from_result),
        )
        .service(service_fn(async |text: String| {
            Activity::current().set("bytes", text.len());
            text.parse::<u32>()
        }));
    for text in ["42", "forty-two"] {
        println!("{:?}", parse.ready().await?.call(text.into()).await);
    }

    println!("{}", log.shutdown().await?);
    Ok(())
}
