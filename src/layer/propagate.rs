//! The layer for clients: what they ask of others belongs to the trace of the current activity.

use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request};
use tower::{Layer, Service};

use crate::activity::Activity;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sends the trace of the current activity along with the requests of an HTTP client, as `traceparent` and
/// `tracestate`.
///
/// Outside of any activity it changes nothing, nor where a request says already what it belongs to.
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
///     .service(service_fn(async |request: Request<()>| { // a client, such as one of hyper's
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
#[must_use = "a layer does nothing until it is put around a service"]
pub struct PropagateLayer;

impl PropagateLayer {
    /// Makes the layer.
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

/// A client that sends the current trace along. Made by [`PropagateLayer`].
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
            // A state belongs to its parent.
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
