//! The layer's settings.

use tower::Layer;

use crate::{
    activity::ByResult,
    layer::{ActivityService, ByType},
    log::ActivityLog,
};

/// Puts every call of a service on the record.
///
/// The wrapped service behaves as it did: same results, same readiness, same cancellation.
///
/// # Examples
///
/// ```
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_activity::{ActivityLayer, ActivityLog, Describe};
///
/// struct Job { name: &'static str }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = ActivityLog::open(":memory:")?;
/// let mut worker = ServiceBuilder::new()
///     .layer(ActivityLayer::new(&log).describe(|job: &Job| Describe::job(job.name)))
///     .service(service_fn(|_: Job| async { Ok::<_, std::io::Error>("done") }));
///
/// worker.ready().await?.call(Job { name: "import" }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ActivityLayer<D = ByType, C = ByResult> {
    pub(super) log: ActivityLog,
    pub(super) describe: D,
    pub(super) classify: C,
}

impl ActivityLayer {
    /// Makes a layer for any service: the name of a call is its request's Rust type, an `Err` is a failure.
    pub fn new(log: &ActivityLog) -> Self {
        ActivityLayer {
            log: log.clone(),
            describe: ByType,
            classify: ByResult,
        }
    }
}

impl<C> ActivityLayer<ByType, C> {
    /// Sets what a request is called and for whom it runs: a function `Fn(&Req) -> Describe`, or a
    /// [`DescribeRequest`](crate::layer::DescribeRequest). Where it panics, the request's Rust type stands in.
    pub fn describe<D2>(self, describe: D2) -> ActivityLayer<D2, C> {
        ActivityLayer {
            log: self.log,
            describe,
            classify: self.classify,
        }
    }
}

impl<D, C> ActivityLayer<D, C> {
    /// Sets what counts as success: a function `Fn(&Result<Response, Error>) -> Outcome`, or a
    /// [`Classify`](crate::activity::Classify). Where it panics, the call is recorded as `failed` with the
    /// error type `classifier_panic`; what the caller gets is unchanged.
    pub fn classify<C2>(self, classify: C2) -> ActivityLayer<D, C2> {
        ActivityLayer {
            log: self.log,
            describe: self.describe,
            classify,
        }
    }
}

impl<S, D: Clone, C: Clone> Layer<S> for ActivityLayer<D, C> {
    type Service = ActivityService<S, D, C>;

    fn layer(&self, inner: S) -> Self::Service {
        ActivityService::new(
            inner,
            self.log.clone(),
            self.describe.clone(),
            self.classify.clone(),
        )
    }
}
