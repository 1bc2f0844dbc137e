//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{StatusCode, request::Parts};

use super::super::{access::Access, problem::Problem};

/// What proxies add to requests of others.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Where a request comes from; of addresses that one machine has many of, their network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    pub(super) fn of(parts: &Parts) -> Self {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Peer::at(info.map(|info| info.0.ip()))
    }

    pub(super) fn at(ip: Option<IpAddr>) -> Self {
        Peer(ip.map(|ip| match ip.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                // A customer has 2^64 of them, or more.
                Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()
            }
            ip => ip,
        }))
    }

    /// Lets in who is on this machine, where that is known.
    pub(super) fn is_this_machine(&self, parts: &Parts) -> Result<Access, Problem> {
        let Peer(Some(ip)) = self else {
            return Err(refused(
                "nobody knows where this request comes from: serve the application with `into_make_service_with_connect_info::<SocketAddr>()`, or give its activity router a token or a way to ask who it is",
            ));
        };
        let forwarded = FORWARDED
            .iter()
            .find(|name| parts.headers.contains_key(**name));
        match forwarded {
            _ if !ip.is_loopback() => Err(refused(
                "only this machine is let in: a token, or the application's own authentication, lets in others",
            )),
            Some(name) => Err(refused(&format!(
                "this request was forwarded (`{name}`), and only this machine is let in: a token, or the application's own authentication, lets in others"
            ))),
            None => Ok(Access::Everything),
        }
    }
}

fn refused(why: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", why)
}
