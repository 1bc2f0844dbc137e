//! Checks of the `Host` header (DNS rebinding) and of the origin of requests (cross-site requests).

use std::net::IpAddr;

use http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority};

use super::{super::problem::Problem, token::bearer_tokens};

/// The host names of this server.
///
/// Other names are rejected because of DNS rebinding: an attacker's name that resolves to this machine makes a browser treat
/// our responses as the attacker's own.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// Accepts these names and those of this machine.
    pub(super) fn new(names: Vec<String>) -> Self {
        Hosts(
            names
                .into_iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        )
    }

    pub(super) fn check(&self, parts: &Parts) -> Result<(), Problem> {
        match authority(parts) {
            Some(authority) if self.is_known(&authority) => Ok(()),
            Some(authority) => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                format!("unknown host name {:?}", authority.host()),
            )),
            None => Err(Problem::invalid(
                "the request has no valid `Host` header, or several",
            )),
        }
    }

    /// Rejects requests of a page of another host. Programs name no origin, and pages none for an image or a link.
    pub(super) fn check_origin(&self, parts: &Parts) -> Result<(), Problem> {
        if !parts.headers.contains_key(header::ORIGIN) {
            return match is_cross_site(parts) {
                true => Err(cross_origin()),
                false => Ok(()),
            };
        }
        let origin = single_header(&parts.headers, header::ORIGIN.as_str());
        let origin = origin.and_then(|origin| origin.split_once("://"));
        let origin: Option<Authority> = origin.and_then(|(_, origin)| origin.parse().ok());
        match origin {
            Some(origin) if self.is_known(&origin) => Ok(()),
            _ => Err(cross_origin()),
        }
    }

    fn is_known(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
        };
        local || self.0.iter().any(|name| *name == host || name == bare)
    }
}

/// Returns the host that a request is addressed to.
fn authority(parts: &Parts) -> Option<Authority> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.clone());
    }
    single_header(&parts.headers, header::HOST.as_str())?
        .parse()
        .ok()
}

/// Returns the value of a header, unless it is missing or repeated.
fn single_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// Rejects requests made by pages of other sites, except for following a link.
///
/// Such a page cannot read the response, but would use up the rate limit of its viewer. Navigation of a frame is rejected as
/// well: the frame may be invisible.
pub(super) fn reject_cross_site(parts: &Parts) -> Result<(), Problem> {
    let value = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let is_link = value("sec-fetch-mode") == Some("navigate")
        && value("sec-fetch-dest").is_none_or(|dest| dest == "document")
        && [Method::GET, Method::HEAD].contains(&parts.method);
    match is_cross_site(parts) && !is_link {
        true => Err(cross_origin()),
        false => Ok(()),
    }
}

/// True if a page of another site makes the request. Programs do not send this header.
fn is_cross_site(parts: &Parts) -> bool {
    let mut sites = parts.headers.get_all("sec-fetch-site").iter();
    sites.any(|site| [&b"cross-site"[..], b"same-site"].contains(&site.as_bytes()))
}

/// Rejects a write unless it comes from a page of the same origin or from a program (CSRF).
///
/// A program is recognized by its bearer token, which a browser does not send by itself.
pub(in crate::web) fn require_same_origin(parts: &Parts) -> Result<(), Problem> {
    if bearer_tokens(parts).next().is_some() {
        return Ok(());
    }
    let same = match single_header(&parts.headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => single_header(&parts.headers, header::ORIGIN.as_str())
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, origin)| authority(parts).is_some_and(|host| host == origin)),
    };
    if same { Ok(()) } else { Err(cross_origin()) }
}

fn cross_origin() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_origin",
        "cross-origin request, or a request that does not show its origin",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_names_it_was_given_and_those_of_this_machine() {
        let hosts = Hosts::new(vec!["Logs.example.com".into()]);
        let check = |host: &str, expected: bool| {
            let authority = host.parse().unwrap();
            assert_eq!(hosts.is_known(&authority), expected, "{host}");
        };
        check("logs.example.com", true);
        check("LOGS.example.com:8787", true);
        check("localhost:8787", true);
        check("app.localhost", true);
        check("127.0.0.1:8787", true);
        check("[::1]:8787", true);
        check("[::ffff:127.0.0.1]", true);
        check("evil.example.com", false);
        check("localhost.evil.com", false);
        check("127.0.0.1.evil.com", false);
        check("evillocalhost", false);
        check("192.0.2.1", false);
        check("0.0.0.0", false);
    }
}
