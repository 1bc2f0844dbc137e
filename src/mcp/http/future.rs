//! The future of a response.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    request, response,
};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::HttpTapBody,
    exchange::{End, SharedExchange, failed},
    held_events::HeldEvents,
    passing::{Begun, Collected, CollectedEnd, Collecting, Passing},
    request_body::HttpTapRequestBody,
    rewriting::{ResponseChange, Rewritten},
};
use crate::activity::{Activity, InActivity, InActivityFuture, panicked};

pin_project! {
    /// The future of a response of a service under a [`HttpTapLayer`](crate::mcp::HttpTapLayer).
    #[must_use = "futures do nothing unless polled"]
    pub struct HttpTapFuture<S, Q, R>
    where
        S: Service<Request<HttpTapRequestBody<Q>>>,
        Q: Body,
        R: Body,
    {
        #[pin]
        state: State<S, Q, R, S::Future>,
        exchange: Option<SharedExchange>,
    }

    impl<S, Q, R> PinnedDrop for HttpTapFuture<S, Q, R>
    where
        S: Service<Request<HttpTapRequestBody<Q>>>,
        Q: Body,
        R: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let StateProjection::Collecting { activity, .. }
            | StateProjection::Extending { activity, .. } = this.state.as_mut().project()
            {
                let activity = activity.clone();
                activity.enter(|| this.state.as_mut().set(State::Done));
            }
            this.state.set(State::Done);
            if let Some(exchange) = this.exchange.take() {
                exchange.end(End::Dropped);
            }
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q: Body, R: Body, F> {
        /// Before the call: its message may change.
        Collecting {
            call: Option<(S, request::Parts)>,
            body: Collecting<Q>,
            activity: Activity,
        },
        Calling {
            #[pin]
            future: InActivityFuture<F>,
        },
        /// After the response: its message may change.
        Extending {
            parts: Option<response::Parts>,
            body: Collecting<R>,
            activity: Activity,
        },
        Done,
    }
}

impl<S, Q, R> HttpTapFuture<S, Q, R>
where
    S: Service<Request<HttpTapRequestBody<Q>>>,
    Q: Body<Data = Bytes>,
    R: Body,
{
    pub(super) fn calling(
        future: InActivityFuture<S::Future>,
        exchange: Option<SharedExchange>,
    ) -> Self {
        HttpTapFuture {
            state: State::Calling { future },
            exchange,
        }
    }

    /// Calls the service, which is ready, once the body of the request is read.
    pub(super) fn collecting(
        service: S,
        request: Request<Q>,
        exchange: SharedExchange,
        activity: Activity,
    ) -> Self {
        let (parts, body) = request.into_parts();
        HttpTapFuture {
            state: State::Collecting {
                call: Some((service, parts)),
                body: Collecting::new(body, exchange.charge()),
                activity,
            },
            exchange: Some(exchange),
        }
    }
}

impl<S, Q, R> Future for HttpTapFuture<S, Q, R>
where
    S: Service<Request<HttpTapRequestBody<Q>>, Response = Response<R>>,
    S::Error: 'static,
    Q: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<HttpTapBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            poll_state(this.state.as_mut(), this.exchange, cx)
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(ready) => {
                this.state.set(State::Done);
                ready
            }
            Err(payload) => {
                if let Some(exchange) = this.exchange.take() {
                    exchange.end(End::Failed(panicked(&*payload)));
                }
                resume_unwind(payload)
            }
        }
    }
}

type Output<R, E> = Result<Response<HttpTapBody<R>>, E>;

fn poll_state<S, Q, R>(
    mut state: Pin<&mut State<S, Q, R, S::Future>>,
    exchange: &mut Option<SharedExchange>,
    cx: &mut Context<'_>,
) -> Poll<Output<R, S::Error>>
where
    S: Service<Request<HttpTapRequestBody<Q>>, Response = Response<R>>,
    S::Error: 'static,
    Q: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    loop {
        match state.as_mut().project() {
            StateProjection::Collecting {
                call,
                body,
                activity,
            } => {
                let collected = ready!(activity.enter(|| body.poll(cx)));
                let (Some((mut service, parts)), Some(of_request)) = (call.take(), exchange.take())
                else {
                    unreachable!("{DONE}");
                };
                let activity = activity.clone();
                let request = match changed_request(parts, collected, &of_request) {
                    Ok(request) => request,
                    Err(answer) => return Poll::Ready(Ok(answered(answer, of_request))),
                };
                *exchange = Some(of_request);
                let future = activity.enter(|| service.call(request));
                let future = future.in_activity(&activity);
                state.set(State::Calling { future });
            }
            StateProjection::Calling { future } => {
                let output = ready!(future.poll(cx));
                // Before the call ends: its destructor may record something.
                state.set(State::Done);
                let response = match output {
                    Ok(response) => response,
                    Err(error) => {
                        if let Some(exchange) = exchange.take() {
                            exchange.end(End::Failed(failed(&error)));
                        }
                        return Poll::Ready(Err(error));
                    }
                };
                let Some(of_response) = exchange.take() else {
                    let response = response.map(Passing::new).map(HttpTapBody::unread);
                    return Poll::Ready(Ok(response));
                };
                let (parts, body) = response.into_parts();
                let activity = of_response.respond(parts.status, &parts.headers);
                let is_known = body.size_hint().exact().is_some()
                    || parts.headers.contains_key(CONTENT_LENGTH);
                let events = match of_response.response_change(&parts.headers, is_known) {
                    ResponseChange::None => None,
                    ResponseChange::Events => Some(HeldEvents::new(of_response.charge())),
                    ResponseChange::Whole => {
                        let activity = activity.unwrap_or_else(Activity::current);
                        let body = Collecting::new(body, of_response.charge());
                        *exchange = Some(of_response);
                        state.set(State::Extending {
                            parts: Some(parts),
                            body,
                            activity,
                        });
                        continue;
                    }
                };
                let body = HttpTapBody::new(Passing::new(body), of_response, activity, events);
                return Poll::Ready(Ok(Response::from_parts(parts, body)));
            }
            StateProjection::Extending {
                parts,
                body,
                activity,
            } => {
                let collected = ready!(activity.enter(|| body.poll(cx)));
                let (Some(mut parts), Some(exchange)) = (parts.take(), exchange.take()) else {
                    unreachable!("{DONE}");
                };
                let body = extended(&mut parts.headers, collected, &exchange);
                let activity = Some(activity.clone());
                let body = HttpTapBody::new(body, exchange, activity, None);
                return Poll::Ready(Ok(Response::from_parts(parts, body)));
            }
            StateProjection::Done => unreachable!("{DONE}"),
        }
    }
}

const DONE: &str = "a future is not polled after completion";

/// Returns the request that the service gets; the answer if it gets none.
fn changed_request<Q: Body<Data = Bytes>>(
    mut parts: request::Parts,
    collected: Collected<Q>,
    exchange: &SharedExchange,
) -> Result<Request<HttpTapRequestBody<Q>>, Vec<u8>> {
    let Collected { mut begun, end } = collected;
    let of_body = match end {
        CollectedEnd::Whole => {
            let first = begun.first.as_deref().unwrap_or_default();
            let rewritten = exchange.rewrite_request(first);
            exchange.end_request();
            match rewritten {
                Rewritten::Same => {}
                Rewritten::Changed(body) => replace(&mut begun, &mut parts.headers, body),
                Rewritten::Answered(answer) => return Err(answer),
            }
            None
        }
        CollectedEnd::TooLong => {
            exchange.count_too_long();
            Some(exchange.clone())
        }
        CollectedEnd::Failed => Some(exchange.clone()),
    };
    let body = HttpTapRequestBody::new(Passing::Begun { begun }, of_body);
    Ok(Request::from_parts(parts, body))
}

/// Returns the body of a response that may have a list of tools.
fn extended<R: Body<Data = Bytes>>(
    headers: &mut HeaderMap,
    collected: Collected<R>,
    exchange: &SharedExchange,
) -> Passing<R> {
    let Collected { mut begun, end } = collected;
    match end {
        CollectedEnd::Whole => {
            let first = begun.first.as_deref().unwrap_or_default();
            if let Some(body) = exchange.rewrite_response_body(first) {
                replace(&mut begun, headers, body);
            }
        }
        CollectedEnd::TooLong => exchange.count_too_long(),
        CollectedEnd::Failed => {}
    }
    Passing::Begun { begun }
}

fn replace<B: Body>(begun: &mut Begun<B>, headers: &mut HeaderMap, body: Vec<u8>) {
    if let Some(length) = headers.get_mut(CONTENT_LENGTH) {
        *length = HeaderValue::from(body.len());
    }
    begun.first = Some(body.into());
}

/// Returns the response to a request that the service does not get.
fn answered<R: Body<Data = Bytes>>(
    answer: Vec<u8>,
    exchange: SharedExchange,
) -> Response<HttpTapBody<R>> {
    let mut parts = Response::new(()).into_parts().0;
    let json = HeaderValue::from_static("application/json");
    parts.headers.insert(CONTENT_TYPE, json);
    let activity = exchange.answer(StatusCode::OK, &parts.headers);
    let body = Passing::of(Some(answer.into()), None);
    let body = HttpTapBody::new(body, exchange, activity, None);
    Response::from_parts(parts, body)
}

impl<S, Q, R> fmt::Debug for HttpTapFuture<S, Q, R>
where
    S: Service<Request<HttpTapRequestBody<Q>>>,
    Q: Body,
    R: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapFuture")
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
