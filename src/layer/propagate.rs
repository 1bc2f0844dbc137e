//! The layer for HTTP clients: their requests belong to the trace of the current activity.

use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::activity::Activity;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A [`Layer`] for HTTP clients that sends the trace context of the current activity, in the headers `traceparent` and
/// `tracestate`.
///
/// It changes nothing outside of any activity, and nothing in a request that already has a `traceparent`.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
/// use tower_activity::{ActivityLog, Describe, layer::PropagateLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let log = ActivityLog::open(":memory:")?;
/// let mut client = ServiceBuilder::new()
///     .layer(PropagateLayer::new())
///     .service(service_fn(async |request: Request<()>| { // a hyper client, for example
///         assert!(request.headers().contains_key("traceparent"));
///         Ok::<_, std::io::Error>(())
///     }));
/// let mut fetch = log.start(Describe::job("fetch"));
/// let call = fetch.enter(|| client.call(Request::new(())));
/// call.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
#[must_use = "layers do nothing unless applied to a service"]
pub struct PropagateLayer;

impl PropagateLayer {
    /// Creates the layer.
    pub const fn new() -> Self {
        PropagateLayer
    }
}

impl<S> Layer<S> for PropagateLayer {
    type Service = PropagateService<S>;

    fn layer(&self, inner: S) -> PropagateService<S> {
        PropagateService { inner }
    }
}

/// A client that sends the current trace context. Returned by [`PropagateLayer`].
#[derive(Debug, Clone)]
pub struct PropagateService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for PropagateService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let headers = request.headers_mut();
        if !headers.contains_key(TRACEPARENT)
            && let Some(context) = Activity::current().trace_context()
            && let Ok(parent) = HeaderValue::try_from(context.to_string())
        {
            headers.insert(TRACEPARENT, parent);
            // A `tracestate` is only valid with its `traceparent`.
            headers.remove(TRACESTATE);
            let state = context
                .state()
                .and_then(|state| HeaderValue::from_str(state).ok());
            if let Some(state) = state {
                headers.insert(TRACESTATE, state);
            }
        }
        self.inner.call(request)
    }
}
