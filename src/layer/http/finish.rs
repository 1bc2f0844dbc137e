//! From the head of a response to its end: what is known of it by then, and what its body will tell.

use std::task::Poll;

use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::Body;

use crate::{
    activity::{Activity, ByResult, Classify, Finish, Running},
    layer::http::{
        ActivityBody, RequestHead, Upgrade,
        body::{BODY_SIZE, Progress, STATUS_CODE},
        describe::content_length,
        grpc,
    },
    record::{Outcome, Text},
};

/// Decides at the head of a response whether it ends there, or with its body.
#[derive(Debug)]
pub(super) struct Respond<C> {
    request: Asked,
    classify: C,
    status: Option<StatusCode>,
    /// The gRPC status, where the head has one.
    code: Option<&'static str>,
    progress: Option<Progress>,
    /// Of a request that asks to leave HTTP, until it is answered.
    upgrade: Option<Upgrade>,
}

/// What a request says about the response to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// For a body, where the response has one.
    Body,
    /// For a head alone.
    Head,
    /// For a tunnel.
    Connect,
    Grpc,
}

impl<C> Respond<C> {
    pub(super) fn to(head: &RequestHead<'_>, classify: C) -> Self {
        let request = match *head.method {
            Method::HEAD => Asked::Head,
            Method::CONNECT => Asked::Connect,
            _ if head.is_grpc => Asked::Grpc,
            _ => Asked::Body,
        };
        Respond {
            request,
            classify,
            status: None,
            code: None,
            progress: None,
            upgrade: None,
        }
    }

    /// Goes on with the connection where the answer says that this leaves HTTP, and somebody holds on to it.
    pub(super) fn upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(upgrade);
    }

    /// True when the connection has left HTTP with this status.
    fn leaves_http(&self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS
            || self.request == Asked::Connect && status.is_success()
    }

    /// Notes what is no number.
    fn note_more(&self, status: StatusCode, activity: &Activity) {
        if let Some(code) = self.code {
            activity.set(Text::own(grpc::STATUS_CODE), code);
            if code == grpc::UNIMPLEMENTED {
                activity.rename("POST");
            }
        }
        if self.leaves_http(status) {
            activity.set(Text::own("upgraded"), true);
        }
    }

    /// True when no body follows, whatever stands in for it: nobody would poll that.
    fn ends_with_head(&self, status: StatusCode) -> bool {
        match self.request {
            Asked::Head => true,
            _ => {
                self.leaves_http(status)
                    || status.is_informational()
                    || status == StatusCode::NO_CONTENT
                    || status == StatusCode::NOT_MODIFIED
            }
        }
    }
}

impl<C, B, E> Finish<Result<Response<B>, E>> for Respond<C>
where
    C: Classify<StatusCode>,
    B: Body,
{
    type Output = Result<Response<ActivityBody<B>>, E>;

    fn finish(&mut self, output: &Result<Response<B>, E>) -> Option<Outcome> {
        let Ok(response) = output else {
            return Some(ByResult.classify(output));
        };
        let status = response.status();
        self.status = Some(status);
        let outcome = match response.extensions().get::<Outcome>() {
            Some(said) => Some(said.clone()),
            None if self.request == Asked::Grpc => match grpc::status(response.headers()) {
                Some((code, outcome)) => {
                    self.code = Some(code);
                    Some(outcome)
                }
                // What answered was no gRPC service.
                None if status != StatusCode::OK => Some(grpc::other(status)),
                None => None,
            },
            None => Some(self.classify.classify(&status)),
        };
        if !self.leaves_http(status) {
            self.upgrade = None;
        } else if self.upgrade.as_ref().is_some_and(Upgrade::is_held) {
            return None;
        }
        let body = response.body();
        let exact = body.size_hint().exact();
        let length = exact.or_else(|| content_length(response.headers()));
        let empty = length == Some(0) && outcome.is_some();
        if empty || body.is_end_stream() || self.ends_with_head(status) {
            return Some(outcome.unwrap_or_else(grpc::missing_status));
        }
        let endless = length.is_none() && is_event_stream(response.headers());
        self.progress = Some(Progress::new(status, outcome, length, endless));
        None
    }

    fn note(&self, activity: &Activity) {
        if let Some(status) = self.status {
            // A body that will not take long notes it at its end.
            if !self.progress.as_ref().is_some_and(Progress::is_short) {
                activity.set_number(STATUS_CODE, status.as_u16().into());
            }
            self.note_more(status, activity);
        }
    }

    fn end(&self, running: &mut Running, outcome: &mut Outcome) {
        if let Some(status) = self.status {
            self.note_more(status, running);
            let numbers = [(STATUS_CODE, status.as_u16().into()), (BODY_SIZE, 0)];
            running.close_with_numbers(outcome, &numbers);
        } else {
            running.close_with(outcome);
        }
    }

    fn give(
        &mut self,
        polled: Poll<Result<Response<B>, E>>,
        running: Option<Running>,
    ) -> Poll<Self::Output> {
        let running = running.filter(|running| running.id().is_some());
        let running = match (running, self.upgrade.take()) {
            (Some(running), Some(upgrade)) => {
                upgrade.keep(running);
                None
            }
            (running, _) => running,
        };
        polled.map_ok(|response| {
            response.map(|body| match (running, self.progress.take()) {
                (Some(running), Some(progress)) => ActivityBody::new(body, running, progress),
                _ => ActivityBody::unrecorded(body),
            })
        })
    }
}

/// True for server-sent events.
fn is_event_stream(headers: &HeaderMap) -> bool {
    const MEDIA: &[u8] = b"text/event-stream";
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|media| media.as_bytes().get(..MEDIA.len()));
    media.is_some_and(|media| media.eq_ignore_ascii_case(MEDIA))
}
