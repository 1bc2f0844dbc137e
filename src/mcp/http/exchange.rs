//! One request and its response: what is recorded of them.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;

use super::{
    head::{self, Key, PROTOCOL_VERSION, RequestKind},
    sessions::{Session, Sessions},
};
use crate::{
    activity::{Activity, ActivityGuard, guarded},
    layer::http::{RequestHead, STATUS_CODE},
    mcp::{
        names,
        wire::{self, Fields, Found, Id, Message, Place, Reader, Side},
    },
    record::{Outcome, Status},
};

/// The most calls of one request whose ends are tied to its response.
const MOST_CALLS: usize = 10_000;

/// The exchange of a request and its response. Bodies and futures share it.
#[derive(Debug, Clone)]
pub(super) struct SharedExchange(Arc<Mutex<Exchange>>);

/// How a response ends.
#[derive(Debug)]
pub(super) enum End {
    Complete,
    /// The client has left.
    Dropped,
    Failed(Outcome),
}

/// A request and its response.
#[derive(Debug)]
struct Exchange {
    sessions: Arc<Sessions>,
    session: Arc<Session>,
    key: Option<Key>,
    kind: RequestKind,
    /// The activity of the request, and of its call.
    activity: Activity,
    place: Place,
    /// The calls in the request.
    calls: Vec<Id>,
    /// The method of a message that is not recorded.
    method: Option<String>,
    request: Option<Reader>,
    response: Option<Reader>,
    status: Option<StatusCode>,
    /// The message of an error in a response that refuses the request.
    error: Option<String>,
    /// True while it is counted as a stream of the session.
    is_stream: bool,
    /// True if the session ends with this stream.
    is_owner: bool,
    has_ended: bool,
}

impl SharedExchange {
    pub(super) fn new(
        sessions: &Arc<Sessions>,
        kind: RequestKind,
        head: &RequestHead<'_>,
        running: ActivityGuard,
    ) -> Self {
        let key = Key::of_header(head.headers);
        let known = match &key {
            Some(key) => sessions.get(key),
            None if kind == RequestKind::Post => {
                Key::of_uri(head.uri).and_then(|key| sessions.get(&key))
            }
            None => None,
        };
        let session = known.unwrap_or_else(|| {
            let session = sessions.create();
            if let Some(Key::Id(id)) = &key {
                session.connection.lock().session = Some(id.clone().into());
            }
            session
        });
        if let Some(version) = head.header(PROTOCOL_VERSION) {
            let mut connection = session.connection.lock();
            connection
                .protocol_version
                .get_or_insert_with(|| version.to_owned());
        }
        let is_post = kind == RequestKind::Post;
        if is_post && head::is_unreadable(head.headers) {
            sessions.server.lock().counts.others += 1;
        }
        let limits = sessions.limits;
        SharedExchange(Arc::new(Mutex::new(Exchange {
            request: head::reader(head.headers, limits).filter(|_| is_post),
            sessions: sessions.clone(),
            session,
            key,
            kind,
            activity: Activity::clone(&running),
            place: Place::Provisional(running),
            calls: Vec::new(),
            method: None,
            response: None,
            status: None,
            error: None,
            is_stream: false,
            is_owner: false,
            has_ended: false,
        })))
    }

    /// Reads a part of the request's body.
    pub(super) fn read_request(&self, bytes: &[u8]) {
        self.guarded(|exchange| exchange.read_request(|reader, found| reader.read(bytes, found)));
    }

    /// Ends the request's body.
    pub(super) fn end_request(&self) {
        self.guarded(|exchange| {
            exchange.read_request(Reader::end);
            exchange.request = None;
        });
    }

    /// Reads the head of the response. Returns the activity that its body belongs to.
    pub(super) fn respond(&self, status: StatusCode, headers: &HeaderMap) -> Option<Activity> {
        self.guarded(|exchange| exchange.respond(status, headers))
            .flatten()
    }

    /// Reads a part of the response's body.
    pub(super) fn read_response(&self, bytes: &[u8]) {
        self.guarded(|exchange| exchange.read_response(|reader, found| reader.read(bytes, found)));
    }

    /// Ends the response, on the first call.
    pub(super) fn end(&self, end: End) {
        self.guarded(|exchange| {
            if !std::mem::replace(&mut exchange.has_ended, true) {
                exchange.end(end);
            }
        });
    }

    /// After a fault nothing more is read.
    fn guarded<T>(&self, work: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        let done = guarded(|| work(&mut self.0.lock()));
        if done.is_none() {
            let mut exchange = self.0.lock();
            (exchange.request, exchange.response) = (None, None);
        }
        done
    }
}

impl Exchange {
    fn read_request(&mut self, read: impl FnOnce(&mut Reader, &mut dyn FnMut(Found))) {
        let Some(mut reader) = self.request.take() else {
            return;
        };
        if self.has_ended {
            return;
        }
        read(&mut reader, &mut |found| match found {
            Found::Message(fields) => self.client_message(&fields),
            Found::InBatch(fields) => {
                self.place = match std::mem::take(&mut self.place) {
                    Place::Provisional(running) => Place::Batch(running),
                    place => place,
                };
                self.client_message(&fields);
            }
            Found::Other => self.sessions.server.lock().counts.others += 1,
            Found::Endpoint(_) => {}
        });
        self.request = Some(reader);
    }

    fn client_message(&mut self, fields: &Fields) {
        let mut connection = self.session.connection.lock();
        let call = connection.message(Side::Client, fields, &mut self.place);
        drop(connection);
        match call {
            Some(id) if self.calls.len() < MOST_CALLS => self.calls.push(id),
            Some(_) => {}
            None => {
                if let Message::Request { method, .. } | Message::Notification { method } =
                    Message::new(fields)
                {
                    self.method = Some(method);
                }
            }
        }
    }

    fn respond(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<Activity> {
        self.status = Some(status);
        self.activity
            .set_number(STATUS_CODE, status.as_u16().into());
        if status.is_success() {
            self.remember(headers);
        }
        if head::is_unreadable(headers) {
            self.sessions.server.lock().counts.others += 1;
        }
        self.response = head::reader(headers, self.sessions.limits);
        let is_events = matches!(self.response, Some(Reader::Events(_)));
        if self.kind == RequestKind::Get && status.is_success() && is_events {
            self.is_stream = true;
            self.session.streams.fetch_add(1, Relaxed);
            self.close_request(None);
            return None;
        }
        Some(self.activity.clone())
    }

    /// Remembers the session of a response, or forgets it.
    fn remember(&mut self, headers: &HeaderMap) {
        if let Some(key) = Key::of_header(headers) {
            if let Key::Id(id) = &key {
                let mut connection = self.session.connection.lock();
                connection.session.get_or_insert_with(|| id.clone().into());
            }
            self.key = Some(key);
        }
        let Some(key) = &self.key else { return };
        match self.kind {
            RequestKind::Delete => {
                self.sessions.forget(key);
                let mut connection = self.session.connection.lock();
                connection.end_all(&Outcome::cancelled());
            }
            RequestKind::Post | RequestKind::Get => self.sessions.remember(key, &self.session),
        }
    }

    fn read_response(&mut self, read: impl FnOnce(&mut Reader, &mut dyn FnMut(Found))) {
        let Some(mut reader) = self.response.take() else {
            return;
        };
        read(&mut reader, &mut |found| match found {
            Found::Message(fields) | Found::InBatch(fields) => self.server_message(&fields),
            Found::Other => self.sessions.server.lock().counts.others += 1,
            Found::Endpoint(url) => self.endpoint(&url),
        });
        self.response = Some(reader);
    }

    fn server_message(&mut self, fields: &Fields) {
        if self.error.is_none() && self.refusal().is_some() {
            self.error = wire::error_message(fields);
        }
        let mut place = match self.calls.is_empty() {
            true => Place::Top,
            false => Place::Inside(self.activity.clone()),
        };
        let mut connection = self.session.connection.lock();
        connection.message(Side::Server, fields, &mut place);
    }

    /// Remembers the session that this stream opens, in the transport of 2024-11-05.
    fn endpoint(&mut self, url: &str) {
        if let Some(key) = Key::of_endpoint(url).filter(|_| self.is_stream) {
            self.sessions.remember(&key, &self.session);
            self.key = Some(key);
            self.is_owner = true;
        }
    }

    fn refusal(&self) -> Option<Outcome> {
        head::refusal(self.kind, self.status?)
    }

    fn end(&mut self, end: End) {
        self.read_response(Reader::end);
        if self.is_stream {
            self.session.streams.fetch_sub(1, Relaxed);
        }
        if let Some(closed) = self.sessions.closed() {
            self.session.connection.lock().end_all(closed);
            return self.close_request(None);
        }
        if let Some(refusal) = self.refusal() {
            let refusal = match self.error.take() {
                Some(message) => refusal.with_message(message),
                None => refusal,
            };
            let mut connection = self.session.connection.lock();
            for id in &self.calls {
                connection.end_unanswered(id, &refusal);
            }
            drop(connection);
            return self.close_request(Some(refusal));
        }
        let is_redirected = self.status.is_some_and(|status| status.is_redirection());
        let can_resume = self.can_resume(&end);
        let outcome = match end {
            // The client calls again, elsewhere.
            End::Complete if is_redirected => Outcome::skipped(),
            End::Complete => Outcome::failed(wire::UNANSWERED),
            End::Dropped => Outcome::cancelled(),
            End::Failed(outcome) => outcome,
        };
        for id in &self.calls {
            let mut connection = self.session.connection.lock();
            if !can_resume {
                connection.end_unanswered(id, &outcome);
            } else if connection.is_pending(id) {
                drop(connection);
                self.sessions.detach(&self.session, id, outcome.clone());
            }
        }
        if let Some(key) = self.key.as_ref().filter(|_| self.is_owner) {
            self.sessions.forget(key);
            self.session.connection.lock().end_all(&outcome);
        }
        // Without a response the service has failed.
        let failed = outcome.status() == Status::Failed && self.status.is_none();
        self.close_request(failed.then_some(outcome));
    }

    /// True if the answers can arrive on another stream.
    fn can_resume(&self, end: &End) -> bool {
        let is_accepted = self.status == Some(StatusCode::ACCEPTED);
        let has_ids = self.response.as_ref().is_some_and(Reader::is_resumable);
        (is_accepted && matches!(end, End::Complete)) || (self.key.is_some() && has_ids)
    }

    /// Ends the activity of the request, unless it has become that of a call. Without an outcome it is recorded only if another
    /// record refers to it.
    fn close_request(&mut self, outcome: Option<Outcome>) {
        let (Place::Provisional(running) | Place::Batch(running)) = std::mem::take(&mut self.place)
        else {
            return;
        };
        let (running, outcome) = match outcome {
            Some(outcome) => (running, outcome),
            None => match running.discard() {
                Ok(()) => return,
                Err(running) => (running, Outcome::success()),
            },
        };
        if let Some(method) = self.method.take() {
            running.set(names::METHOD, method);
        }
        running.end(outcome);
    }
}

/// The outcome of an error, whose `Debug` and `Display` are the application's.
pub(super) fn failed<E: 'static>(error: &E) -> Outcome {
    let outcome = guarded(|| Outcome::from_opaque(error));
    outcome.unwrap_or_else(|| Outcome::failed("classifier_panic"))
}
