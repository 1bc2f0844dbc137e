//! Messages with the additions of [`ToolOptions`](crate::mcp::ToolOptions), in the bodies of an exchange.

use std::{str, sync::atomic::Ordering::Relaxed};

use http::HeaderMap;

use super::{
    exchange::{Exchange, SharedExchange},
    head::{self, RequestKind},
    held_events::HeldEvents,
    passing::Charge,
};
use crate::mcp::wire::{Reader, Rewriting};

/// The rewritten request.
#[derive(Debug)]
pub(super) enum Rewritten {
    Same,
    Changed(Vec<u8>),
    /// The service does not get it: this is the answer.
    Answered(Vec<u8>),
}

/// The part of a response that is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseChange {
    None,
    /// Its body as a whole.
    Whole,
    /// Its events, one by one.
    Events,
}

impl SharedExchange {
    /// True if anything is added to the tools of servers.
    pub(super) fn may_change(&self) -> bool {
        self.guarded(|exchange| exchange.session.rewriting.is_some())
            .unwrap_or_default()
    }

    /// True if the body of the request may change.
    pub(super) fn may_change_request(&self) -> bool {
        let is_document = |exchange: &mut Exchange| {
            exchange.session.rewriting.is_some()
                && matches!(exchange.request, Some(Reader::Document(_)))
        };
        self.guarded(is_document).unwrap_or_default()
    }

    /// Changes the body of a request, and reads what the service or we ourselves answer.
    pub(super) fn rewrite_request(&self, body: &[u8]) -> Rewritten {
        let rewritten = self.guarded(|exchange| exchange.rewrite_request(body));
        rewritten.unwrap_or(Rewritten::Same)
    }

    /// Returns what may change of a response with these headers, whose length is known or not.
    pub(super) fn response_change(&self, headers: &HeaderMap, is_known: bool) -> ResponseChange {
        let change = |exchange: &mut Exchange| match &exchange.response {
            None if head::unreadable(headers).is_some() => {
                if exchange.kind == RequestKind::Get {
                    // All that are answered on a stream of the session.
                    exchange.lists = 0..u64::MAX;
                }
                let lists = exchange.forget_lists();
                exchange.sessions.count_compressed_lists(lists);
                ResponseChange::None
            }
            None => ResponseChange::None,
            Some(_) if exchange.session.rewriting.is_none() => ResponseChange::None,
            Some(Reader::Events(_)) if !is_known => ResponseChange::Events,
            Some(_) => match exchange.kind == RequestKind::Post && exchange.awaits_list() {
                true => ResponseChange::Whole,
                false => ResponseChange::None,
            },
        };
        self.guarded(change).unwrap_or(ResponseChange::None)
    }

    /// True if the answer to a list of tools is to come in this response.
    pub(super) fn awaits_list(&self) -> bool {
        self.guarded(|exchange| exchange.awaits_list())
            .unwrap_or_default()
    }

    /// Returns the count of what is held for this exchange.
    pub(super) fn charge(&self) -> Charge {
        self.guarded(|exchange| Charge::new(exchange.sessions.totals.clone()))
            .unwrap_or_default()
    }

    /// Changes a message of the server; `None` if it stays as it is.
    pub(super) fn rewrite_response(&self, text: &str) -> Option<String> {
        let (before, message, after) = around(text);
        let is_replay = self.guarded(|exchange| exchange.resumes.is_some())?;
        let changed = self.with_rewriting(|rewriting| rewriting.server(message, is_replay));
        Some([before, &changed.flatten()?, after].concat())
    }

    /// Changes the body of a response: a message or events. `None` if it stays as it is.
    pub(super) fn rewrite_response_body(&self, body: &[u8]) -> Option<Vec<u8>> {
        let is_events =
            |exchange: &mut Exchange| matches!(exchange.response, Some(Reader::Events(_)));
        if self.guarded(is_events).unwrap_or_default() {
            return Some(HeldEvents::whole(body, self));
        }
        let changed = self.rewrite_response(str::from_utf8(body).ok()?)?;
        Some(changed.into_bytes())
    }

    /// Counts a message that is too long to be held.
    pub(super) fn count_too_long(&self) {
        self.guarded(|exchange| exchange.sessions.totals.counts.lock().too_long += 1);
    }

    fn with_rewriting<T>(&self, work: impl FnOnce(&mut Rewriting) -> T) -> Option<T> {
        let session = self.guarded(|exchange| exchange.session.clone())?;
        let rewriting = session.rewriting.as_ref()?;
        self.guarded(|_| work(&mut rewriting.lock()))
    }
}

impl Exchange {
    fn rewrite_request(&mut self, body: &[u8]) -> Rewritten {
        let session = self.session.clone();
        let may_answer = self.may_answer();
        let changed = str::from_utf8(body).ok().and_then(|text| {
            let (before, message, after) = around(text);
            let mut rewriting = session.rewriting.as_ref()?.lock();
            let first = rewriting.next_list();
            let changed = rewriting.request_body(message, may_answer);
            self.lists = first..rewriting.next_list();
            Some((before, changed?, after))
        });
        let Some((before, changed, after)) = changed else {
            self.read_request(|reader, found| reader.read(body, found));
            return Rewritten::Same;
        };
        let (read, rewritten) = match (&changed.passed, changed.answered_body()) {
            (None, Some((calls, answer))) => {
                (calls.into_bytes(), Rewritten::Answered(answer.into_bytes()))
            }
            (passed, _) => {
                let message = passed.as_deref().unwrap_or_default();
                let body = [before, message, after].concat().into_bytes();
                (body.clone(), Rewritten::Changed(body))
            }
        };
        self.read_request(|reader, found| reader.read(&read, found));
        for (id, reported) in changed.reported {
            session.connection.lock().report(&id, reported);
        }
        rewritten
    }

    /// True if calls may be answered without the server: it has accepted the session, or gives none an id.
    fn may_answer(&self) -> bool {
        match &self.key {
            Some(_) => self.session.is_established.load(Relaxed),
            None => !self.session.connection.lock().server.lock().has_sessions,
        }
    }

    /// True if the answer to a list of tools is to come: of its own request, or on a stream of the session.
    fn awaits_list(&self) -> bool {
        let Some(rewriting) = &self.session.rewriting else {
            return false;
        };
        match self.kind {
            RequestKind::Get if self.resumes.is_some() => rewriting.lock().has_had_lists(),
            RequestKind::Get => rewriting.lock().has_lists(),
            RequestKind::Post | RequestKind::Delete => rewriting.lock().has_lists_of(&self.lists),
        }
    }

    /// Forgets the lists of its request that are not answered. Returns how many.
    pub(super) fn forget_lists(&mut self) -> u64 {
        let lists = std::mem::take(&mut self.lists);
        let rewriting = self.session.rewriting.as_ref();
        rewriting.map_or(0, |rewriting| rewriting.lock().forget_lists(&lists))
    }
}

/// Returns a message, and what stands before and behind it.
fn around(text: &str) -> (&str, &str, &str) {
    let message = text.trim_ascii();
    let start = text.len() - text.trim_ascii_start().len();
    (&text[..start], message, &text[start + message.len()..])
}
