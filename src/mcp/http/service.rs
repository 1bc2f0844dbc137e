//! The wrapped service.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::ACCEPT_ENCODING};
use http_body::Body;
use tower_service::Service;

use super::{
    body::HttpTapBody,
    exchange::SharedExchange,
    future::HttpTapFuture,
    head::{RequestKind, redacted_path},
    passing::Passing,
    request_body::HttpTapRequestBody,
    sessions::Sessions,
};
use crate::{
    activity::{Activity, InActivity},
    layer::http::{RequestHead, describe_at},
};

/// A service that speaks MCP over HTTP, and whose calls are recorded. Returned by [`HttpTapLayer`](crate::mcp::HttpTapLayer).
#[derive(Debug, Clone)]
pub struct HttpTapService<S> {
    inner: S,
    sessions: Arc<Sessions>,
}

impl<S> HttpTapService<S> {
    pub(super) fn new(inner: S, sessions: Arc<Sessions>) -> Self {
        HttpTapService { inner, sessions }
    }

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for HttpTapService<S>
where
    S: Service<Request<HttpTapRequestBody<ReqB>>, Response = Response<ResB>> + Clone,
    S::Error: 'static,
    ReqB: Body<Data = Bytes>,
    ResB: Body<Data = Bytes>,
{
    type Response = Response<HttpTapBody<ResB>>;
    type Error = S::Error;
    type Future = HttpTapFuture<S, ReqB, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let head = RequestHead::new(&request);
        let Some(kind) = RequestKind::new(&head) else {
            let request = request.map(|body| HttpTapRequestBody::new(Passing::new(body), None));
            return HttpTapFuture::calling(self.inner.call(request).in_current(), None);
        };
        self.sessions.end_detached();
        let path = redacted_path(head.uri.path());
        let describe = describe_at(&head, path).scope(&self.sessions.scope);
        let running = self.sessions.tools.log.start_provisional(describe);
        let activity = Activity::clone(&running);
        let exchange = SharedExchange::new(&self.sessions, kind, &head, running);
        if activity.id().is_some() {
            request.extensions_mut().insert(activity.clone());
        }
        if exchange.may_change() {
            // What is compressed cannot be extended.
            let identity = HeaderValue::from_static("identity");
            request.headers_mut().insert(ACCEPT_ENCODING, identity);
        }
        if exchange.may_change_request() {
            let clone = self.inner.clone();
            let ready = mem::replace(&mut self.inner, clone);
            return HttpTapFuture::collecting(ready, request, exchange, activity);
        }
        let of_body = Some(exchange.clone());
        let request = request.map(|body| HttpTapRequestBody::new(Passing::new(body), of_body));
        let future = activity.enter(|| self.inner.call(request));
        HttpTapFuture::calling(future.in_activity(&activity), Some(exchange))
    }
}
