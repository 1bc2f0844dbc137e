//! Who is let in: the host that is asked for, who asks, how often, and on whose page.

mod buckets;
mod host;
mod peer;
mod token;

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};

pub(super) use host::same_origin;
pub(super) use token::Token;

use self::{buckets::Buckets, host::Hosts, peer::Peer, token::Given};
use super::{
    access::{Access, Granted},
    problem::Problem,
};

/// Requests of one peer that are answered, and as many that are not: so many at once, and so many a second.
const REQUESTS: (u32, u32) = (1_000, 200);
/// Wrong tokens of one peer: so many at once, and one every so many seconds.
const GUESSES: (u32, u32) = (10, 1);

type Hook = Arc<dyn Fn(&Parts) -> Access + Send + Sync>;

/// Who may come in.
#[derive(Clone, Default)]
pub(super) enum Door {
    /// This machine alone.
    #[default]
    Loopback,
    /// Whoever has the token.
    Token(Token),
    /// Whom the application says.
    Hook(Hook),
}

/// What stands before every address.
#[derive(Debug)]
pub(super) struct Guard {
    door: Door,
    hosts: Option<Hosts>,
    /// Of who is let in.
    requests: Buckets,
    /// Of who is not.
    strangers: Buckets,
    guesses: Buckets,
}

impl Guard {
    pub(super) fn new(door: Door, hosts: Vec<String>) -> Self {
        // Names that somebody else's DNS answers for are only harmless where a secret is asked for.
        let hosts = match (&door, hosts.is_empty()) {
            (Door::Token(_) | Door::Hook(_), true) => None,
            _ => Some(Hosts::of(hosts)),
        };
        Guard {
            door,
            hosts,
            requests: Buckets::new(REQUESTS.0, REQUESTS.1),
            strangers: Buckets::new(REQUESTS.0, REQUESTS.1),
            guesses: Buckets::new(GUESSES.0, GUESSES.1),
        }
    }

    /// Lets a request in, or answers it.
    fn admit(&self, parts: &Parts) -> Result<Granted, Refused> {
        // Before anybody's turn is taken: a page of somebody else's asks from the address of whoever looks at it.
        if let Some(hosts) = &self.hosts {
            hosts.check(parts)?;
        }
        host::not_from_elsewhere(parts)?;
        let peer = Peer::of(parts);
        let answer = self.identify(&peer, parts);
        // Behind a proxy everybody has one address: who is refused must not use up the turns of who is let in.
        let turns = match &answer {
            Ok(_) | Err(Refused { known: true, .. }) => &self.requests,
            Err(_) => &self.strangers,
        };
        match turns.take(&peer) {
            true => answer,
            false => Err(slow_down("you ask too often").into()),
        }
    }

    fn identify(&self, peer: &Peer, parts: &Parts) -> Result<Granted, Refused> {
        let access = match &self.door {
            Door::Loopback => peer.is_this_machine(parts)?,
            Door::Token(token) => self.knock(token, peer, parts)?,
            Door::Hook(hook) => hook(parts),
        };
        match Granted::by(access) {
            Ok(Some(granted)) => Ok(granted),
            Ok(None) => Err(denied().into()),
            Err(problem) => Err(problem.into()),
        }
    }

    /// The token is compared before anything is counted, so that the right one is never refused.
    fn knock(&self, token: &Token, peer: &Peer, parts: &Parts) -> Result<Access, Refused> {
        match token.check(parts) {
            Given::Right => Ok(Access::Everything),
            Given::RightInUrl => Err(Refused {
                response: token.exchanged(parts).into(),
                known: true,
            }),
            Given::Wrong if !self.guesses.take(peer) => {
                Err(slow_down("you gave too many wrong tokens").into())
            }
            Given::Wrong | Given::Nothing => Err(Refused::stranger(token.asked_for(parts))),
        }
    }
}

/// What is answered instead of letting somebody in.
struct Refused {
    response: Box<Response>,
    /// True where it has shown who it is, and is sent elsewhere.
    known: bool,
}

impl Refused {
    fn stranger(response: Response) -> Self {
        Refused {
            response: Box::new(response),
            known: false,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Refused::stranger(problem.into_response())
    }
}

/// Asks who it is, before anything else is done.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match guard.admit(&parts) {
        Ok(granted) => {
            parts.extensions.insert(granted);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(Refused { response, .. }) => *response,
    };
    protect(&mut response);
    response
}

/// What browsers are told about every answer. Pages bring a policy of their own.
fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    let nowhere = HeaderValue::from_static("DENY");
    headers.entry(header::X_FRAME_OPTIONS).or_insert(nowhere);
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            header::HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn denied() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "you may not see this")
}

fn slow_down(why: &str) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many",
        format!("{why}: ask again later"),
    )
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Door::Loopback => "Loopback",
            Door::Token(_) => "Token(..)",
            Door::Hook(_) => "Hook(..)",
        })
    }
}
