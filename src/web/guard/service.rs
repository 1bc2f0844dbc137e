//! Access to a service that is not the log's own: a proxy on this machine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use tower_service::Service;

use super::{
    super::{
        client::{Client, Credential},
        connections::Connection,
        problem::Problem,
    },
    AuthMode, Token,
    host::Hosts,
    loopback,
    token::bearer_token,
};
use crate::error::Result;

/// Access to an HTTP service, for [`Server::bind_service`](crate::web::Server::bind_service).
///
/// By default only clients on this machine have access, by the names of this machine, and pages of this machine: requests whose
/// `Host` or `Origin` names another are rejected, and so are images and links of other sites (`Sec-Fetch-Site`).
///
/// # Examples
///
/// ```no_run
/// use std::convert::Infallible;
///
/// use axum::{body::Body, extract::Request, response::Response};
/// use tower_activity::web::{Server, ServiceAccess};
///
/// # async fn run() -> tower_activity::Result<()> {
/// let service = tower::service_fn(async |_: Request| Ok::<_, Infallible>(Response::new(Body::empty())));
/// let access = ServiceAccess::new().token("0123456789abcdef");
/// Server::bind_service("0.0.0.0:8788", &access, service).await?.run().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ServiceAccess {
    auth: AuthMode,
    hosts: Vec<String>,
}

/// Authorizes the requests to a service.
#[derive(Debug)]
struct ServiceGuard {
    auth: AuthMode,
    hosts: Hosts,
    /// True if requests may name any host.
    any_host: bool,
}

impl ServiceAccess {
    /// Gives access to clients on this machine.
    pub fn new() -> Self {
        ServiceAccess::default()
    }

    /// Requires this token, from any address: as `Proxy-Authorization: Bearer …`, or as `Authorization: Bearer …`. The service does
    /// not see it. It should be random, and have 16 characters or more.
    pub fn token(mut self, secret: impl Into<String>) -> Self {
        self.auth = AuthMode::Token(Token::new(secret.into()));
        self
    }

    /// Accepts these values of the `Host` and `Origin` headers besides `localhost`, with any port, and rejects others.
    pub fn hosts<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.hosts.extend(names.into_iter().map(Into::into));
        self
    }

    /// Fails if an address is reachable from other machines without a token.
    pub(in crate::web) fn check_addresses(&self, addresses: &[SocketAddr]) -> Result<()> {
        self.auth.check_addresses(addresses, "call the service")
    }

    /// Puts the guard before a service.
    pub(in crate::web) fn protect<S>(&self, service: S) -> Router
    where
        S: Service<Request, Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        let needs_name = matches!(self.auth, AuthMode::Loopback);
        let guard = Arc::new(ServiceGuard {
            any_host: self.hosts.is_empty() && !needs_name,
            auth: self.auth.clone(),
            hosts: Hosts::new(self.hosts.clone()),
        });
        Router::new()
            .fallback_service(service)
            .layer(middleware::from_fn_with_state(guard, guard_service))
    }
}

async fn guard_service(
    State(guard): State<Arc<ServiceGuard>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    match guard.authorize(&mut parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => {
            let needs_token = problem.needs_credentials();
            let mut response = problem.into_response();
            if needs_token {
                let scheme = HeaderValue::from_static("Bearer");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

impl ServiceGuard {
    fn authorize(&self, parts: &mut Parts) -> std::result::Result<(), Problem> {
        if !self.any_host {
            self.hosts.check(parts)?;
        }
        self.hosts.check_origin(parts)?;
        let client = match &self.auth {
            AuthMode::Token(token) => {
                take_token(parts, token)?;
                Client::new(Credential::Token, parts)
            }
            _ => {
                loopback::require_loopback(parts)?;
                Client::new(Credential::Local, parts)
            }
        };
        match parts.extensions.get::<Connection>() {
            Some(connection) => connection.authorize(&client),
            None => Ok(()),
        }
    }
}

/// Removes the token from a request wherever it stands, so that the service does not see it. Other values stay.
fn take_token(parts: &mut Parts, token: &Token) -> std::result::Result<(), Problem> {
    let is_token = |value: &HeaderValue| bearer_token(value).is_some_and(|sent| token.is(sent));
    let mut has_token = false;
    for name in [header::PROXY_AUTHORIZATION, header::AUTHORIZATION] {
        let header::Entry::Occupied(entry) = parts.headers.entry(&name) else {
            continue;
        };
        if !entry.iter().any(is_token) {
            continue;
        }
        has_token = true;
        let (_, values) = entry.remove_entry_mult();
        let others: Vec<_> = values.filter(|value| !is_token(value)).collect();
        for value in others {
            parts.headers.append(&name, value);
        }
    }
    if has_token {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send the token as `Proxy-Authorization: Bearer …` or `Authorization: Bearer …`",
    ))
}
