//! One request and its response: what is recorded of them.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName, StatusCode};
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
        wire::{self, Fields, Found, Message, Place, Reader, Remembered, Side},
    },
    record::{Outcome, Status, Text},
};

/// The most messages of one request whose ends are tied to its response, as many as a session remembers.
const MOST_REQUESTS: usize = 10_000;
/// The header with the event after which a stream is resumed.
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

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
pub(super) struct Exchange {
    pub(super) sessions: Arc<Sessions>,
    pub(super) session: Arc<Session>,
    pub(super) key: Option<Key>,
    pub(super) kind: RequestKind,
    /// The activity of the request, and of its call.
    activity: Activity,
    place: Place,
    /// The numbers of the client's requests that are answered in the response, in order.
    requests: Vec<u64>,
    has_calls: bool,
    /// The numbers of its requests for lists of tools.
    pub(super) lists: Range<u64>,
    /// The event after which this stream resumes another.
    pub(super) resumes: Option<Text>,
    /// The method of a message that is not recorded.
    method: Option<String>,
    pub(super) request: Option<Reader>,
    pub(super) response: Option<Reader>,
    status: Option<StatusCode>,
    /// The message of an error in a response that refuses the request.
    error: Option<String>,
    /// The encoding of a response that cannot be read.
    encoding: Option<String>,
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
            let session = sessions.create(head.uri.path());
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
        if kind == RequestKind::Delete {
            session.deletes.fetch_add(1, Relaxed);
        }
        let is_post = kind == RequestKind::Post;
        if is_post && head::unreadable(head.headers).is_some() {
            sessions.totals.counts.lock().others += 1;
        }
        let resumes = head.header(LAST_EVENT_ID.as_str());
        let limits = sessions.limits;
        SharedExchange(Arc::new(Mutex::new(Exchange {
            request: head::reader(head.headers, limits).filter(|_| is_post),
            sessions: sessions.clone(),
            session,
            key,
            kind,
            activity: Activity::clone(&running),
            place: Place::Provisional(running),
            requests: Vec::new(),
            has_calls: false,
            lists: 0..0,
            resumes: resumes
                .filter(|_| kind == RequestKind::Get)
                .map(|id| id.to_owned().into()),
            method: None,
            response: None,
            status: None,
            error: None,
            encoding: None,
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

    /// As [`respond`](Self::respond), for a response of ours: the server has accepted nothing.
    pub(super) fn answer(&self, status: StatusCode, headers: &HeaderMap) -> Option<Activity> {
        self.guarded(|exchange| exchange.begin_response(status, headers))
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
    pub(super) fn guarded<T>(&self, work: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        let done = guarded(|| work(&mut self.0.lock()));
        if done.is_none() {
            let mut exchange = self.0.lock();
            (exchange.request, exchange.response) = (None, None);
        }
        done
    }
}

impl Exchange {
    pub(super) fn read_request(&mut self, read: impl FnOnce(&mut Reader, &mut dyn FnMut(Found))) {
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
            Found::Other => self.sessions.totals.counts.lock().others += 1,
            Found::Endpoint(_) => {}
        });
        self.request = Some(reader);
    }

    fn client_message(&mut self, fields: &Fields) {
        let mut connection = self.session.connection.lock();
        let remembered = connection.message(Side::Client, fields, &mut self.place, &[]);
        drop(connection);
        if let Some(Remembered { number, is_call }) = remembered {
            // The oldest were given up.
            if self.requests.len() >= 2 * MOST_REQUESTS {
                self.requests.drain(..MOST_REQUESTS);
            }
            self.requests.push(number);
            self.has_calls |= is_call;
            self.sessions.make_room();
        }
        if !remembered.is_some_and(|remembered| remembered.is_call)
            && let Message::Request { method, .. } | Message::Notification { method } =
                Message::new(fields)
        {
            self.method = Some(method);
        }
    }

    fn respond(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<Activity> {
        if status.is_success() {
            self.remember(headers);
        } else if status == StatusCode::NOT_FOUND {
            // So a server says that it knows no session of this id.
            self.session.is_established.store(false, Relaxed);
        }
        self.begin_response(status, headers)
    }

    fn begin_response(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<Activity> {
        self.status = Some(status);
        self.activity
            .set_number(STATUS_CODE, status.as_u16().into());
        self.encoding = head::unreadable(headers);
        if self.encoding.is_some() {
            self.sessions.totals.counts.lock().others += 1;
        }
        self.response = head::reader(headers, self.sessions.limits);
        let is_events = matches!(self.response, Some(Reader::Events(_)));
        if self.kind == RequestKind::Get && status.is_success() && is_events {
            self.is_stream = true;
            self.session.streams.fetch_add(1, Relaxed);
            if let Some(event_id) = &self.resumes {
                self.requests = self.session.connection.lock().resume(event_id);
            }
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
                connection.server.lock().has_sessions = true;
            }
            self.key = Some(key);
        }
        let Some(key) = &self.key else { return };
        match self.kind {
            RequestKind::Delete => {
                self.sessions.forget(key);
                let mut connection = self.session.connection.lock();
                connection.close_for_good(&Outcome::cancelled());
            }
            RequestKind::Post | RequestKind::Get => {
                self.session.is_established.store(true, Relaxed);
                self.sessions.remember(key, &self.session);
            }
        }
    }

    fn read_response(&mut self, read: impl FnOnce(&mut Reader, &mut dyn FnMut(Found))) {
        let Some(mut reader) = self.response.take() else {
            return;
        };
        read(&mut reader, &mut |found| match found {
            Found::Message(fields) | Found::InBatch(fields) => self.server_message(&fields),
            Found::Other => self.sessions.totals.counts.lock().others += 1,
            Found::Endpoint(url) => self.endpoint(&url),
        });
        self.response = Some(reader);
    }

    fn server_message(&mut self, fields: &Fields) {
        if self.error.is_none() && self.refusal().is_some() {
            self.error = wire::error_message(fields);
        }
        let mut place = match self.has_calls {
            true => Place::Inside(self.activity.clone()),
            false => Place::Top,
        };
        let mut connection = self.session.connection.lock();
        connection.message(Side::Server, fields, &mut place, &self.requests);
    }

    /// Remembers the session that this stream opens, in the transport of 2024-11-05.
    fn endpoint(&mut self, url: &str) {
        if let Some(key) = Key::of_endpoint(url).filter(|_| self.is_stream) {
            // Answers arrive on this stream, which is the server's.
            if let Some(rewriting) = &self.session.rewriting {
                rewriting.lock().leave_calls();
            }
            self.sessions.remember(&key, &self.session);
            let mut connection = self.session.connection.lock();
            let id = key.session_id().map_or_else(wire::session_id, Text::from);
            connection.session.get_or_insert(id);
            drop(connection);
            self.key = Some(key);
            self.is_owner = true;
        }
    }

    fn refusal(&self) -> Option<Outcome> {
        head::refusal(self.kind, self.status?)
    }

    fn end(&mut self, end: End) {
        if self.is_stream {
            self.session.streams.fetch_sub(1, Relaxed);
        }
        if self.kind == RequestKind::Delete {
            self.session.deletes.fetch_sub(1, Relaxed);
        }
        self.read_response(Reader::end);
        if let Some(closed) = self.sessions.closed() {
            self.session.connection.lock().end_all(closed);
            self.forget_lists();
            return self.close_request(None);
        }
        if let Some(refusal) = self.refusal() {
            let refusal = match self.error.take() {
                Some(message) => refusal.with_message(message),
                None => refusal,
            };
            let mut connection = self.session.connection.lock();
            for request in &self.requests {
                connection.end_unanswered(*request, &refusal);
            }
            drop(connection);
            self.forget_lists();
            return self.close_request(Some(refusal));
        }
        // Requests that came after the client had ended the session.
        self.session.connection.lock().end_late();
        let is_redirected = self.status.is_some_and(|status| status.is_redirection());
        let is_accepted = self.status == Some(StatusCode::ACCEPTED) && matches!(end, End::Complete);
        let event_id = self.event_id().filter(|_| !is_accepted);
        if !is_accepted && event_id.is_none() {
            self.forget_lists();
        }
        let outcome = match end {
            // The client calls again, elsewhere.
            End::Complete if is_redirected => Outcome::skipped(),
            // A server ends or breaks the streams of a session before it responds to the client that deletes it.
            _ if self.session.deletes.load(Relaxed) > 0 => Outcome::cancelled(),
            End::Complete => match &self.encoding {
                Some(encoding) => unreadable(encoding),
                None => Outcome::failed(wire::UNANSWERED),
            },
            End::Dropped => Outcome::cancelled(),
            End::Failed(outcome) => outcome,
        };
        for request in &self.requests {
            let mut connection = self.session.connection.lock();
            if !is_accepted && event_id.is_none() {
                connection.end_unanswered(*request, &outcome);
            } else if connection.is_pending(*request) {
                drop(connection);
                let (outcome, event_id) = (outcome.clone(), event_id.clone());
                self.sessions
                    .detach(&self.session, *request, outcome, event_id);
            }
        }
        if let Some(key) = self.key.as_ref().filter(|_| self.is_owner) {
            self.sessions.forget(key);
            self.session.connection.lock().close_for_good(&outcome);
        }
        // Without a response the service has failed.
        let failed = outcome.status() == Status::Failed && self.status.is_none();
        self.close_request(failed.then_some(outcome));
    }

    /// Returns the event after which the client can resume this stream, on which the answers then arrive.
    fn event_id(&self) -> Option<Text> {
        self.key.as_ref()?;
        let last = self.response.as_ref().and_then(Reader::last_event_id);
        last.or_else(|| self.resumes.clone())
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

/// The outcome of a call whose answer is encoded.
fn unreadable(encoding: &str) -> Outcome {
    Outcome::failed("unreadable").with_message(format!(
        "the answer is compressed ({encoding}), and was not read: place a layer that compresses outside, or let the server follow \
         `accept-encoding: identity`"
    ))
}

/// The outcome of an error, whose `Debug` and `Display` are the application's.
pub(super) fn failed<E: 'static>(error: &E) -> Outcome {
    let outcome = guarded(|| Outcome::from_opaque(error));
    outcome.unwrap_or_else(|| Outcome::failed("classifier_panic"))
}
