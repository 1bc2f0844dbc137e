//! Authorization of every request: host name, origin, credentials and rate limits.

mod host;
mod peer;
mod rate_limit;
mod token;

use std::{fmt, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};

pub(super) use host::require_same_origin;
pub(super) use token::Token;

use self::{host::Hosts, peer::Peer, rate_limit::RateLimiter, token::TokenCheck};
use super::{
    access::{Access, Grant},
    problem::Problem,
};

/// Requests of one peer: burst, and per second. Authorized and unauthorized ones are counted apart.
const REQUESTS: (u32, u32) = (1_000, 200);
/// Wrong tokens of one peer: burst, and per second.
const WRONG_TOKENS: (u32, u32) = (10, 1);

type Hook = Arc<dyn Fn(&Parts) -> Access + Send + Sync>;

/// How requests are authenticated.
#[derive(Clone, Default)]
pub(super) enum AuthMode {
    /// Clients on this machine only.
    #[default]
    Loopback,
    /// By token.
    Token(Token),
    /// By a function of the application.
    Hook(Hook),
}

/// Authorizes the requests to all routes.
#[derive(Debug)]
pub(super) struct Guard {
    auth: AuthMode,
    hosts: Option<Hosts>,
    authenticated: RateLimiter,
    unauthenticated: RateLimiter,
    wrong_tokens: RateLimiter,
}

impl Guard {
    pub(super) fn new(auth: AuthMode, hosts: Vec<String>) -> Self {
        // DNS rebinding is harmless only if a request needs credentials.
        let hosts = match (&auth, hosts.is_empty()) {
            (AuthMode::Token(_) | AuthMode::Hook(_), true) => None,
            _ => Some(Hosts::new(hosts)),
        };
        Guard {
            auth,
            hosts,
            authenticated: RateLimiter::new(REQUESTS.0, REQUESTS.1),
            unauthenticated: RateLimiter::new(REQUESTS.0, REQUESTS.1),
            wrong_tokens: RateLimiter::new(WRONG_TOKENS.0, WRONG_TOKENS.1),
        }
    }

    /// Authorizes a request, or returns the response that rejects it.
    fn authorize(&self, parts: &Parts) -> Result<Grant, Rejection> {
        // Before the rate limit: a request of another site's page comes from its viewer's address.
        if let Some(hosts) = &self.hosts {
            hosts.check(parts)?;
        }
        host::reject_cross_site(parts)?;
        let peer = Peer::from_request(parts);
        let result = self.authenticate(&peer, parts);
        // Behind a proxy all peers share one address: rejected requests must not use up the limit of authorized ones.
        let limiter = match &result {
            Ok(_)
            | Err(Rejection {
                authenticated: true,
                ..
            }) => &self.authenticated,
            Err(_) => &self.unauthenticated,
        };
        match limiter.try_acquire(&peer) {
            true => result,
            false => Err(too_many("too many requests").into()),
        }
    }

    fn authenticate(&self, peer: &Peer, parts: &Parts) -> Result<Grant, Rejection> {
        let access = match &self.auth {
            AuthMode::Loopback => peer.require_loopback(parts)?,
            AuthMode::Token(token) => self.check_token(token, peer, parts)?,
            AuthMode::Hook(hook) => hook(parts),
        };
        match Grant::from_access(access) {
            Ok(Some(grant)) => Ok(grant),
            Ok(None) => Err(denied().into()),
            Err(problem) => Err(problem.into()),
        }
    }

    /// Compares the token before counting, so that the right one is never rate limited.
    fn check_token(&self, token: &Token, peer: &Peer, parts: &Parts) -> Result<Access, Rejection> {
        match token.check(parts) {
            TokenCheck::Valid => Ok(Access::Everything),
            TokenCheck::ValidInUrl => Err(Rejection {
                response: token.redirect_with_cookie(parts).into(),
                authenticated: true,
            }),
            TokenCheck::Wrong if !self.wrong_tokens.try_acquire(peer) => {
                Err(too_many("too many wrong tokens").into())
            }
            TokenCheck::Wrong | TokenCheck::Missing => {
                Err(Rejection::unauthenticated(token.challenge(parts)))
            }
        }
    }
}

/// The response to a request that does not reach its handler.
struct Rejection {
    response: Box<Response>,
    /// True for a redirect of a client that sent the right token.
    authenticated: bool,
}

impl Rejection {
    fn unauthenticated(response: Response) -> Self {
        Rejection {
            response: Box::new(response),
            authenticated: false,
        }
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        Rejection::unauthenticated(problem.into_response())
    }
}

/// The middleware that authorizes every request before its handler runs.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match guard.authorize(&parts) {
        Ok(grant) => {
            parts.extensions.insert(grant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(Rejection { response, .. }) => *response,
    };
    add_security_headers(&mut response);
    response
}

/// Adds the security headers of every response. Pages set a content security policy of their own.
fn add_security_headers(response: &mut Response) {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    let deny = HeaderValue::from_static("DENY");
    headers.entry(header::X_FRAME_OPTIONS).or_insert(deny);
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
    Problem::new(StatusCode::FORBIDDEN, "forbidden", "access denied")
}

fn too_many(why: &str) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many",
        format!("{why}: retry later"),
    )
}

impl fmt::Debug for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthMode::Loopback => "Loopback",
            AuthMode::Token(_) => "Token(..)",
            AuthMode::Hook(_) => "Hook(..)",
        })
    }
}
