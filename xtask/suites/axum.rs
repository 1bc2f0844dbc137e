//! A module for axum's test helpers: the service of each test server, with a layer around it.

use std::{convert::Infallible, sync::OnceLock};

use tower::ServiceBuilder;
use tower_activity::{ActivityLayer, ActivityLog, layer::http::ActivityBody};
use tower_service::Service;

use crate::{body::Body, extract::Request, response::Response};

/// One log for all tests.
fn log() -> &'static ActivityLog {
    static LOG: OnceLock<ActivityLog> = OnceLock::new();
    LOG.get_or_init(|| ActivityLog::open(":memory:").expect("memory is no file"))
}

pub(crate) fn recorded<S>(
    service: S,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    ServiceBuilder::new()
        .map_response(|response: http::Response<ActivityBody<Body>>| response.map(Body::new))
        .layer(ActivityLayer::http(log()))
        .service(service)
}
