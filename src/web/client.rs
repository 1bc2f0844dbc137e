//! The client that a request is counted against.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use http::request::Parts;

/// The address of a client; of IPv6 its /64 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    /// Returns the address of the connection. Headers such as `X-Forwarded-For` are not considered: anyone can send them.
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

    /// Returns the address; `None` if the application does not provide it.
    pub(super) fn ip(self) -> Option<IpAddr> {
        self.0
    }
}

/// What a client has proved to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    /// On this machine, without a token.
    Local,
    /// Holds the router's token.
    Token,
    /// Holds the named token.
    Named(Arc<str>),
    /// Authorized by the application, to see these records: its users differ by what they may see.
    Application(Option<Arc<str>>),
    /// This server itself.
    Server,
}

/// Identifies a client for rate limits and fair sharing: behind a proxy by its credential, with a shared credential by its
/// address, and on one machine by whether it is a browser, so that a script does not slow down the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    credential: Credential,
    peer: Peer,
    browser: bool,
}

impl Client {
    pub(super) fn new(credential: Credential, parts: &Parts) -> Self {
        Client {
            credential,
            peer: Peer::from_request(parts),
            // Browsers send it to HTTPS and localhost, and no page can remove it.
            browser: parts.headers.contains_key("sec-fetch-site"),
        }
    }

    /// The server's own queries.
    pub(super) const SERVER: Client = Client {
        credential: Credential::Server,
        peer: Peer(None),
        browser: false,
    };
}
