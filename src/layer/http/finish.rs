//! From the head of a response to its end: what is known of it by then, and what its body will tell.

use std::task::Poll;

use http::{Method, Response, StatusCode, header};
use http_body::Body;

use crate::{
    activity::{Activity, ByResult, Classify, Finish, Running},
    layer::http::{
        ActivityBody, RequestHead, Upgrade, body::Progress, describe::content_length, grpc,
    },
    record::Outcome,
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
            _ if grpc::is_grpc(head.headers) => Asked::Grpc,
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
        let length = content_length(response.headers()).or_else(|| body.size_hint().exact());
        let empty = length == Some(0) && outcome.is_some();
        if empty || body.is_end_stream() || self.ends_with_head(status) {
            return Some(outcome.unwrap_or_else(grpc::missing_status));
        }
        let media = response.headers().get(header::CONTENT_TYPE);
        let media = media.and_then(|media| media.as_bytes().get(..EVENT_STREAM.len()));
        let events = media.is_some_and(|media| media.eq_ignore_ascii_case(EVENT_STREAM));
        self.progress = Some(Progress::new(outcome, length, events));
        None
    }

    fn note(&self, activity: &Activity) {
        if let Some(status) = self.status {
            activity.set_number("http.response.status_code", status.as_u16().into());
            if let Some(code) = self.code {
                activity.set(grpc::STATUS_CODE, code);
                if code == grpc::UNIMPLEMENTED {
                    activity.rename("POST");
                }
            }
            if self.progress.is_none() {
                activity.set_number("http.response.body.size", 0);
            }
            if self.leaves_http(status) {
                activity.set("upgraded", true);
            }
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

/// The media type of server-sent events.
const EVENT_STREAM: &[u8] = b"text/event-stream";
