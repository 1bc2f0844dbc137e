//! Which host is asked for, and on whose page: what a page of somebody else's makes a browser ask is refused.

use std::net::IpAddr;

use http::{HeaderMap, Method, StatusCode, header, request::Parts, uri::Authority};

use super::{super::problem::Problem, token::bearers};

/// The names that this server goes by.
///
/// A name of somebody else's that their DNS says is this machine (rebinding) makes a browser take our answers for theirs.
#[derive(Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// These, and those of this machine.
    pub(super) fn of(names: Vec<String>) -> Self {
        Hosts(
            names
                .into_iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        )
    }

    pub(super) fn check(&self, parts: &Parts) -> Result<(), Problem> {
        match asked(parts) {
            Some(authority) if self.is_ours(&authority) => Ok(()),
            Some(authority) => Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "wrong_host",
                format!("this server does not go by the name {:?}", authority.host()),
            )),
            None => Err(Problem::invalid("the request names no host, or several")),
        }
    }

    fn is_ours(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost"),
        };
        local || self.0.iter().any(|name| *name == host || name == bare)
    }
}

/// The host that a request asks for.
fn asked(parts: &Parts) -> Option<Authority> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.clone());
    }
    one(&parts.headers, header::HOST.as_str())?.parse().ok()
}

/// The value of a header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// Refuses what a page of somebody else's asks for, unless a link on it is followed.
///
/// Nobody could read the answer, but it would take somebody's turn. A frame is a page too, and one that nobody sees.
pub(super) fn not_from_elsewhere(parts: &Parts) -> Result<(), Problem> {
    let said = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let is_link = || {
        said("sec-fetch-mode") == Some("navigate")
            && said("sec-fetch-dest").is_none_or(|dest| dest == "document")
            && [Method::GET, Method::HEAD].contains(&parts.method)
    };
    match said("sec-fetch-site") {
        Some("cross-site" | "same-site") if !is_link() => Err(elsewhere()),
        _ => Ok(()),
    }
}

/// Refuses to write where a browser may have been made to ask by a page of somebody else's.
///
/// Programs show that they are none by what browsers never send of their own: `Authorization: Bearer`.
pub(in crate::web) fn same_origin(parts: &Parts) -> Result<(), Problem> {
    if bearers(parts).next().is_some() {
        return Ok(());
    }
    let same = match one(&parts.headers, "sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => one(&parts.headers, header::ORIGIN.as_str())
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, origin)| asked(parts).is_some_and(|host| host == origin)),
    };
    if same { Ok(()) } else { Err(elsewhere()) }
}

fn elsewhere() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross_origin",
        "a page of another origin asks for this, or nothing says that none does",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_ours_or_this_machines() {
        let hosts = Hosts::of(vec!["Logs.example.com".into()]);
        let check = |host: &str, expected: bool| {
            let authority = host.parse().unwrap();
            assert_eq!(hosts.is_ours(&authority), expected, "{host}");
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
