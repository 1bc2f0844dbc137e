//! The services that are wrapped.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
};

use http::{Request, Response, Uri};
use http_body_util::Empty;
use tower::Service;

static URI: LazyLock<Uri> = LazyLock::new(|| Uri::from_static("/tools/search"));

/// The body of plain requests and responses.
pub(crate) type Body = Empty<&'static [u8]>;

/// Creates the request for plain services.
pub(crate) fn request() -> Request<Body> {
    let mut request = Request::new(Body::new());
    request.uri_mut().clone_from(&URI);
    request
}

/// Creates the request for the router.
pub(crate) fn axum_request() -> Request<axum::body::Body> {
    let mut request = Request::new(axum::body::Body::empty());
    request.uri_mut().clone_from(&URI);
    request
}

/// Creates a router with one route.
pub(crate) fn router() -> axum::Router {
    axum::Router::new().route(
        "/tools/search",
        axum::routing::get(|| async { black_box("found") }),
    )
}

/// A service that responds at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompt;

impl<B> Service<Request<B>> for Prompt {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(request.uri());
        ready(Ok(Response::new(Body::new())))
    }
}

/// A service that is pending once, then responds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingOnce;

impl<B> Service<Request<B>> for PendingOnce {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = WaitOnce;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        black_box(request.uri());
        WaitOnce { waited: false }
    }
}

/// The future of [`PendingOnce`].
#[derive(Debug)]
pub(crate) struct WaitOnce {
    waited: bool,
}

impl Future for WaitOnce {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if black_box(self.waited) {
            return Poll::Ready(Ok(Response::new(Body::new())));
        }
        self.waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
