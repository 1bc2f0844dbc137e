//! Access without credentials: for clients on this machine.

use http::{StatusCode, request::Parts};

use super::super::{client::Peer, problem::Problem};

/// Headers that proxies add.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Fails unless the client is known to be on this machine.
pub(super) fn require_loopback(parts: &Parts) -> Result<(), Problem> {
    let Some(ip) = Peer::from_request(parts).ip() else {
        return Err(forbidden(
            "the client address is unknown: serve the application with `into_make_service_with_connect_info::<SocketAddr>()`, or set a token or `auth` on its activity router",
        ));
    };
    let forwarded = FORWARDED
        .iter()
        .find(|name| parts.headers.contains_key(**name));
    match forwarded {
        _ if !ip.is_loopback() => Err(forbidden(
            "only clients on this machine have access: set a token to allow others",
        )),
        Some(name) => Err(forbidden(&format!(
            "the request was forwarded (`{name}`), and only clients on this machine have access: set a token to allow others"
        ))),
        None => Ok(()),
    }
}

fn forbidden(why: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", why)
}
