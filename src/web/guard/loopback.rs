//! The address that a request comes from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{StatusCode, request::Parts};

use super::super::{access::Access, problem::Problem};

/// Headers that proxies add.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// The address of a client; of IPv6 its /64 network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    pub(super) fn from_request(parts: &Parts) -> Self {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Peer::from_ip(info.map(|info| info.0.ip()))
    }

    pub(super) fn from_ip(ip: Option<IpAddr>) -> Self {
        Peer(ip.map(|ip| match ip.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                // One customer has 2^64 addresses or more.
                Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()
            }
            ip => ip,
        }))
    }

    /// Grants access to a client that is known to be on this machine.
    pub(super) fn require_loopback(&self, parts: &Parts) -> Result<Access, Problem> {
        let Peer(Some(ip)) = self else {
            return Err(forbidden(
                "the client address is unknown: serve the application with `into_make_service_with_connect_info::<SocketAddr>()`, or set a token or `auth` on its activity router",
            ));
        };
        let forwarded = FORWARDED
            .iter()
            .find(|name| parts.headers.contains_key(**name));
        match forwarded {
            _ if !ip.is_loopback() => Err(forbidden(
                "only clients on this machine have access: set a token or `auth` to allow others",
            )),
            Some(name) => Err(forbidden(&format!(
                "the request was forwarded (`{name}`), and only clients on this machine have access: set a token or `auth` to allow others"
            ))),
            None => Ok(Access::Everything),
        }
    }
}

fn forbidden(why: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", why)
}
