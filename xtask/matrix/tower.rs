//! A bare tower service.

mod served;

use std::{convert::Infallible, error::Error};

use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, Describe, Kind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = served::open()?;
    let service = ServiceBuilder::new()
        .layer(ActivityLayer::new(&log).describe(|_: &u32| Describe::job("double")))
        .service(service_fn(|number: u32| async move {
            Ok::<_, Infallible>(number * 2)
        }));
    assert_eq!(service.oneshot(21).await?, 42);
    served::check(log, Kind::Job, "double").await
}
