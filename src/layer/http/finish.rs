//! The decision at the head of a response: whether the activity ends there, or with the body.

use std::task::Poll;

use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::Body;

use crate::{
    activity::{Activity, ActivityGuard, ByResult, Classify, Finish},
    layer::http::{
        ActivityBody, RequestHead, Upgrade,
        body::{BODY_SIZE, Progress, STATUS_CODE},
        classify,
        describe::content_length,
        grpc,
        session_end::SessionEnd,
    },
    record::{Outcome, Text},
};

/// Decides at the head of a response whether it ends there, or with its body.
#[derive(Debug)]
pub(super) struct Respond<C> {
    request: RequestType,
    classify: C,
    status: Option<StatusCode>,
    /// The gRPC status, if the headers have one.
    code: Option<&'static str>,
    progress: Option<Progress>,
    /// Of a request for an upgrade, until the response.
    upgrade: Option<Upgrade>,
    /// Of a request that closes a session, until the response.
    session_end: Option<Box<SessionEnd>>,
}

/// The types of requests whose responses end differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestType {
    /// `HEAD`: no body follows.
    Head,
    /// `CONNECT`: a tunnel follows.
    Connect,
    /// A gRPC call: trailers follow.
    Grpc,
    /// `GET`: an event stream lasts until its client leaves.
    Get,
    Other,
}

impl<C> Respond<C> {
    pub(super) fn new(head: &RequestHead<'_>, classify: C) -> Self {
        let request = match *head.method {
            Method::HEAD => RequestType::Head,
            Method::CONNECT => RequestType::Connect,
            _ if head.is_grpc => RequestType::Grpc,
            Method::GET => RequestType::Get,
            _ => RequestType::Other,
        };
        Respond {
            request,
            classify,
            status: None,
            code: None,
            progress: None,
            upgrade: None,
            session_end: None,
        }
    }

    /// Remembers the session that the request closes, if the response is a success.
    pub(super) fn set_session_end(&mut self, session_end: Option<Box<SessionEnd>>) {
        self.session_end = session_end;
    }

    /// Keeps the activity open with the connection, if the response upgrades it and a clone of the upgrade is kept.
    pub(super) fn set_upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(upgrade);
    }

    /// True if a response with this status upgrades the connection.
    fn is_upgraded(&self, status: StatusCode) -> bool {
        status == StatusCode::SWITCHING_PROTOCOLS
            || self.request == RequestType::Connect && status.is_success()
    }

    /// Sets the attributes that are not numbers.
    fn set_attributes(&self, status: StatusCode, activity: &Activity) {
        if let Some(code) = self.code {
            activity.set(Text::own(grpc::STATUS_CODE), code);
            if code == grpc::UNIMPLEMENTED {
                activity.rename("POST");
            }
        }
        if self.is_upgraded(status) {
            activity.set(Text::own("upgraded"), true);
        }
    }

    /// True if no body is sent: servers do not poll it.
    fn ends_with_head(&self, status: StatusCode) -> bool {
        match self.request {
            RequestType::Head => true,
            _ => {
                self.is_upgraded(status)
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
    E: 'static,
{
    type Output = Result<Response<ActivityBody<B>>, E>;

    fn finish(&mut self, output: &Result<Response<B>, E>) -> Option<Outcome> {
        let Ok(response) = output else {
            return Some(ByResult.classify(output));
        };
        let status = response.status();
        self.status = Some(status);
        if let Some(session_end) = self.session_end.take() {
            session_end.respond(status);
        }
        let outcome = match response.extensions().get::<Outcome>() {
            Some(outcome) => Some(outcome.clone()),
            None if self.request == RequestType::Grpc => match grpc::status(response.headers()) {
                Some((code, outcome)) => {
                    self.code = Some(code);
                    Some(outcome)
                }
                // A proxy or another HTTP service has responded.
                None if status != StatusCode::OK => Some(classify::failed(status)),
                None => None,
            },
            None => Some(self.classify.classify(&status)),
        };
        if !self.is_upgraded(status) {
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
        let endless = self.request == RequestType::Get
            && length.is_none()
            && is_event_stream(response.headers());
        self.progress = Some(Progress::new(status, outcome, length, endless));
        None
    }

    fn note(&self, activity: &Activity) {
        if let Some(status) = self.status {
            // A short body sets it at its end.
            if !self.progress.as_ref().is_some_and(Progress::is_short) {
                activity.set_number(STATUS_CODE, status.as_u16().into());
            }
            self.set_attributes(status, activity);
        }
    }

    fn end(&self, running: &mut ActivityGuard, outcome: &mut Outcome) {
        if let Some(status) = self.status {
            self.set_attributes(status, running);
            let numbers = [(STATUS_CODE, status.as_u16().into()), (BODY_SIZE, 0)];
            running.close_with_numbers(outcome, &numbers);
        } else {
            running.close_with(outcome);
        }
    }

    #[inline(always)]
    fn give(
        &mut self,
        polled: Poll<Result<Response<B>, E>>,
        running: Option<&mut ActivityGuard>,
    ) -> Poll<Self::Output> {
        let running = running.filter(|running| running.id().is_some());
        let running = match (running, self.upgrade.take()) {
            (Some(running), Some(upgrade)) => {
                upgrade.set_guard(running.take());
                None
            }
            (running, _) => running,
        };
        polled.map_ok(|response| {
            response.map(|body| match (running, self.progress.take()) {
                (Some(running), Some(progress)) => {
                    ActivityBody::new(body, running.take(), progress)
                }
                _ => ActivityBody::unrecorded(body),
            })
        })
    }
}

/// True for server-sent events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    const MEDIA: &[u8] = b"text/event-stream";
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|media| media.as_bytes().get(..MEDIA.len()));
    media.is_some_and(|media| media.eq_ignore_ascii_case(MEDIA))
}
