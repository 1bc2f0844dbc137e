//! The layer and its settings.

use std::time::Duration;

use tower_layer::Layer;

use crate::{
    activity::{ByResult, Describe},
    layer::{ActivityService, ByType},
    log::ActivityLog,
    record::Outcome,
};

/// A [`Layer`] that records every call of a service as an activity.
///
/// The wrapped service behaves as before: same results, same readiness, same cancellation.
///
/// By default a call is named after its request's Rust type, and an `Err` is a failure: set
/// [`describe`](Self::describe) and [`classify`](Self::classify).
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
///
/// Closures that do not look at the request need no type:
///
/// ```
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_activity::{ActivityLayer, ActivityLog, Describe, Outcome};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let log = ActivityLog::open(":memory:")?;
/// let mut tick = ServiceBuilder::new()
///     .layer(ActivityLayer::new(&log).describe(|_| Describe::job("tick")).classify(|_| Outcome::success()))
///     .service(service_fn(|number: u32| async move { Ok::<_, std::io::Error>(number + 1) }));
/// assert_eq!(tick.ready().await?.call(1).await?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "layers do nothing unless applied to a service"]
pub struct ActivityLayer<D = ByType, C = ByResult> {
    pub(super) log: ActivityLog,
    pub(super) describe: D,
    pub(super) classify: C,
    pub(super) timeout: Option<Duration>,
}

impl ActivityLayer {
    /// Creates a layer for any service.
    pub fn new(log: &ActivityLog) -> Self {
        ActivityLayer {
            log: log.clone(),
            describe: ByType,
            classify: ByResult,
            timeout: None,
        }
    }
}

impl<C> ActivityLayer<ByType, C> {
    /// Sets the closure that describes a request: its name, and for whom it runs. If it panics, the request's Rust type is
    /// the name.
    pub fn describe<Req, F>(self, describe: F) -> ActivityLayer<F, C>
    where
        F: Fn(&Req) -> Describe,
    {
        self.describe_with(describe)
    }

    /// Sets a [`DescribeRequest`](crate::layer::DescribeRequest): for several types of requests, or to pass the activity
    /// on with the request.
    pub fn describe_with<D>(self, describe: D) -> ActivityLayer<D, C> {
        ActivityLayer {
            log: self.log,
            describe,
            classify: self.classify,
            timeout: self.timeout,
        }
    }
}

impl<D, C> ActivityLayer<D, C> {
    /// Sets the closure that decides what counts as success: [`Outcome::from_result`], say. If it panics, the call is
    /// recorded as `failed` with the error type `classifier_panic`; the caller's result is unchanged.
    pub fn classify<T, F>(self, classify: F) -> ActivityLayer<D, F>
    where
        F: Fn(&T) -> Outcome,
    {
        self.classify_with(classify)
    }

    /// Sets a [`Classify`](crate::activity::Classify), for several types of results.
    pub fn classify_with<C2>(self, classify: C2) -> ActivityLayer<D, C2> {
        ActivityLayer {
            log: self.log,
            describe: self.describe,
            classify,
            timeout: self.timeout,
        }
    }

    /// Sets the timeout of a layer outside of this one. A call that is dropped after it ends as `failed` with the error type
    /// `timeout` instead of as `cancelled`. Nothing is interrupted.
    ///
    /// A timeout layer drops the call, as a client does that disconnects: only the time tells them apart. Inside this layer
    /// it needs no setting, since its error or response passes through here. So prefer this layer outside.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower::{ServiceBuilder, service_fn};
    /// use tower_activity::{ActivityLayer, ActivityLog, Describe};
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// const TIMEOUT: Duration = Duration::from_secs(30);
    ///
    /// let service = ServiceBuilder::new()
    ///     .timeout(TIMEOUT)
    ///     .layer(ActivityLayer::new(&log).describe(|_: &()| Describe::job("import")).timeout(TIMEOUT))
    ///     .service(service_fn(async |_: ()| Ok::<_, std::io::Error>(())));
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
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
            self.timeout,
        )
    }
}
