//! Authorization of every request: host name, origin, credentials and rate limits.

mod challenge;
mod host;
mod loopback;
mod rate_limit;
mod service;
mod stored;
mod token;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

pub(super) use host::require_same_origin;
pub use service::ServiceAccess;
pub(super) use stored::StoredTokens;
pub(super) use token::Token;

use self::{host::Hosts, rate_limit::RateLimiter, token::Source};
use super::{
    access::{Access, Grant},
    client::{Client, Credential},
    connections::Connection,
    problem::Problem,
    secret,
    state::Writes,
};
use crate::error::{Error, Result};

/// Requests of one client: burst, and per second.
const REQUESTS: (u32, u32) = (1_000, 200);

/// The shortest token, in bytes, for a server that listens on more than localhost.
const MIN_TOKEN_LEN: usize = 16;

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

impl AuthMode {
    /// Fails if an address is reachable from other machines and access does not require a token or the application's
    /// authentication. `harm` is what anyone on the network could do.
    pub(super) fn check_addresses(&self, addresses: &[SocketAddr], harm: &str) -> Result<()> {
        let local = |ip: IpAddr| ip.to_canonical().is_loopback();
        let Some(address) = addresses.iter().find(|address| !local(address.ip())) else {
            return Ok(());
        };
        match self {
            AuthMode::Hook(_) => Ok(()),
            AuthMode::Token(token) if token.len() >= MIN_TOKEN_LEN => Ok(()),
            AuthMode::Token(_) => Err(Error::invalid(format!(
                "refusing to listen on {address} with a token of fewer than {MIN_TOKEN_LEN} characters: it can be guessed; \
                 use a longer one, or listen on 127.0.0.1"
            ))),
            AuthMode::Loopback => Err(Error::invalid(format!(
                "refusing to listen on {address} without a token: anyone on the network could {harm}; set a token, or \
                 listen on 127.0.0.1"
            ))),
        }
    }
}

/// Authorizes the requests to all routes.
#[derive(Debug)]
pub(super) struct Guard {
    auth: AuthMode,
    stored: Option<StoredTokens>,
    hosts: Option<Hosts>,
    writes: Writes,
    requests: RateLimiter,
}

impl Guard {
    pub(super) fn new(
        auth: AuthMode,
        stored: Option<StoredTokens>,
        hosts: Vec<String>,
        writes: Writes,
    ) -> Self {
        // DNS rebinding is harmless only if a request needs credentials.
        let hosts = match (&auth, hosts.is_empty()) {
            (AuthMode::Token(_) | AuthMode::Hook(_), true) => None,
            _ => Some(Hosts::new(hosts)),
        };
        Guard {
            auth,
            stored,
            hosts,
            writes,
            requests: RateLimiter::new(REQUESTS.0, REQUESTS.1),
        }
    }

    /// Authorizes a request, or returns the response that rejects it.
    ///
    /// Rejected requests are not counted: another site's page sends them from its viewer's address, and behind a proxy all
    /// clients share one. A limit for wrong tokens would not slow down a guess, because the right token passes it; what protects
    /// a token is its length.
    async fn authorize(&self, parts: &Parts) -> std::result::Result<Grant, Rejection> {
        if let Some(hosts) = &self.hosts {
            hosts.check(parts)?;
        }
        host::reject_cross_site(parts)?;
        let grant = self.authenticate(parts).await?;
        if let Some(connection) = parts.extensions.get::<Connection>() {
            connection.authorize(&grant.client)?;
        }
        match !self.has_method(parts) || self.requests.try_acquire(&grant.client) {
            true => Ok(grant),
            false => Err(too_many().into()),
        }
    }

    async fn authenticate(&self, parts: &Parts) -> std::result::Result<Grant, Rejection> {
        let sent = token::sent_secrets(parts);
        for (_, secret) in &sent {
            if let Some(grant) = self.grant_of(secret, parts).await? {
                return match token::is_in_url(&sent) {
                    true => Err(token::redirect_with_cookie(parts, secret).into()),
                    false => Ok(grant),
                };
            }
        }
        // A named token that is wrong, or no longer valid, must not lead to more than a valid one. A cookie may be left over.
        let is_named = |(source, secret): &(Source, String)| {
            *source != Source::Cookie && secret::hash_of(secret).is_some()
        };
        if self.stored.is_some() && sent.iter().any(is_named) {
            return Err(challenge::challenge(parts, &sent).into());
        }
        match &self.auth {
            AuthMode::Loopback => {
                loopback::require_loopback(parts)?;
                Ok(Grant::everything(Client::new(Credential::Local, parts)))
            }
            AuthMode::Token(_) => Err(challenge::challenge(parts, &sent).into()),
            AuthMode::Hook(hook) => Ok(Grant::from_access(hook(parts), parts)?),
        }
    }

    /// Returns what a secret grants.
    async fn grant_of(
        &self,
        secret: &str,
        parts: &Parts,
    ) -> std::result::Result<Option<Grant>, Problem> {
        if let AuthMode::Token(token) = &self.auth
            && token.is(secret)
        {
            return Ok(Some(Grant::everything(Client::new(
                Credential::Token,
                parts,
            ))));
        }
        let (Some(stored), Some(hash)) = (&self.stored, secret::hash_of(secret)) else {
            return Ok(None);
        };
        let token = stored.get(&hash).await?;
        token
            .map(|token| Grant::from_token(&token, parts))
            .transpose()
    }

    /// Whether a route can have the method of a request.
    fn has_method(&self, parts: &Parts) -> bool {
        match parts.method {
            Method::GET | Method::HEAD => true,
            Method::POST => matches!(self.writes, Writes::Events),
            _ => false,
        }
    }
}

/// The response to a request that does not reach its handler.
struct Rejection(Box<Response>);

impl From<Response> for Rejection {
    fn from(response: Response) -> Self {
        Rejection(Box::new(response))
    }
}

impl From<Problem> for Rejection {
    fn from(problem: Problem) -> Self {
        problem.into_response().into()
    }
}

/// The middleware that authorizes every request before its handler runs.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut response = match guard.authorize(&parts).await {
        Ok(grant) => {
            parts.extensions.insert(grant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(Rejection(response)) => *response,
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

fn too_many() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many",
        "too many requests: retry later",
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
