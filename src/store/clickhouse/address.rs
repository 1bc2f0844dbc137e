//! The address of a database: where it is, whether its server is verified, and the password.

use std::env;

use ureq::http::Uri;

use crate::{
    error::{Error, ErrorKind, Result},
    store::address::{decode, is_local_host},
};

const MALFORMED: &str = "the address of the ClickHouse database is malformed: it has the form clickhouse://user@host:8443/database";
const AMBIGUOUS: &str = "the address of the ClickHouse database has #, or / or ? before an @: write %23, %2F, %3F or %40 in the password, the \
     user and the database";
/// The database of an address without one.
const DATABASE: &str = "tower_activity";
/// The user of an address without one.
const USER: &str = "default";

/// Where the database is, and how to connect to it.
#[derive(Clone)]
pub(super) struct Address {
    /// `host:port`
    host: String,
    /// Requests are encrypted, and the server has a certificate for its host name.
    is_secure: bool,
    pub(super) database: String,
    pub(super) user: String,
    password: Option<String>,
}

impl Address {
    /// Parses an address. Errors repeat no part of it.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let malformed = || Error::invalid(MALFORMED);
        let host_on = url.split_once("://").map_or(url, |(_, rest)| rest);
        let behind = host_on.split_once(['/', '?', '#']);
        // They may be parts of a password, which would be printed.
        if url.contains('#') || behind.is_some_and(|(_, rest)| rest.contains('@')) {
            return Err(Error::invalid(AMBIGUOUS));
        }
        let uri = url.parse::<Uri>().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let host = Some(authority.host()).filter(|host| !host.is_empty());
        let host = host.ok_or_else(malformed)?;
        let (user, place) = authority
            .as_str()
            .rsplit_once('@')
            .unwrap_or(("", authority.as_str()));
        if place.len() > host.len() && authority.port_u16().is_none() {
            return Err(malformed());
        }
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let text = |text: &str| decode(text).ok_or_else(malformed);
        let mut is_secure = !is_local_host(host.trim_matches(['[', ']']));
        for parameter in uri.query().unwrap_or_default().split('&') {
            match parameter.split_once('=') {
                _ if parameter.is_empty() => {}
                Some(("secure", "1")) => is_secure = true,
                Some(("secure", "0")) => is_secure = false,
                _ => {
                    return Err(Error::invalid(
                        "the address of the ClickHouse database has an unknown parameter: only secure=1 and secure=0 are known",
                    ));
                }
            }
        }
        let port = match (authority.port_u16(), is_secure) {
            (Some(port), _) => port,
            (None, true) => 8443,
            (None, false) => 8123,
        };
        let database = text(uri.path().trim_start_matches('/'))?;
        let or = |text: String, default: &str| match text.is_empty() {
            true => default.to_owned(),
            false => text,
        };
        Ok(Address {
            host: format!("{host}:{port}"),
            is_secure,
            database: or(database, DATABASE),
            user: or(text(user)?, USER),
            password: Some(text(password)?).filter(|password| !password.is_empty()),
        })
    }

    /// Returns the URL of the server's HTTP interface.
    pub(super) fn url(&self) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        format!("{scheme}://{}/", self.host)
    }

    /// Returns the password of now: it may be changed while the process runs.
    pub(super) fn password(&self) -> String {
        let variable = || env::var("CLICKHOUSE_PASSWORD").ok();
        self.password.clone().or_else(variable).unwrap_or_default()
    }

    /// Returns the error for a database without the tables of a store.
    pub(super) fn no_log_yet(&self) -> Error {
        Error::new(
            ErrorKind::NoStore,
            format!(
                "no log has been forwarded to the database {} yet: it has no tables of tower-activity · `activity forward --to URL` creates them and \
                 forwards a log",
                self.name()
            ),
        )
    }

    /// Names the database without a password.
    pub(super) fn name(&self) -> String {
        format!("clickhouse://{}/{}", self.host, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_server_and_a_database() {
        let check = |address: &str, url: &str, name: &str| {
            let address = Address::parse(address).unwrap();
            assert_eq!((&*address.url(), &*address.name()), (url, name));
        };
        check(
            "clickhouse://ch.internal",
            "https://ch.internal:8443/",
            "clickhouse://ch.internal:8443/tower_activity",
        );
        check(
            "clickhouse://ann:p%40ss@ch.internal:9000/ops?secure=0",
            "http://ch.internal:9000/",
            "clickhouse://ch.internal:9000/ops",
        );
        check(
            "clickhouse://[::1]/ops",
            "http://[::1]:8123/",
            "clickhouse://[::1]:8123/ops",
        );
        check(
            "clickhouse://localhost/ops?secure=1",
            "https://localhost:8443/",
            "clickhouse://localhost:8443/ops",
        );
        let ann = Address::parse("clickhouse://ann:p%40ss@localhost").unwrap();
        assert_eq!((&*ann.user, &*ann.password()), ("ann", "p@ss"));
        assert_eq!(Address::parse("clickhouse://localhost").unwrap().user, USER);
    }

    #[test]
    fn a_malformed_address_is_refused_without_its_password() {
        for wrong in [
            "clickhouse://",
            "clickhouse://ann:hunter2@",
            "clickhouse://ann:hunter2@host:port/x",
            "clickhouse://ann:%zz-hunter2@host/x",
            "clickhouse://ann:hunter2@host/x?secure=yes",
            "clickhouse://ann:hunter2@host/x?hunter2",
            "clickhouse://ann:80/hunter2@host/x",
            "clickhouse://ann:80?hunter2@host/x",
            "clickhouse://ann:80#hunter2@host/x",
        ] {
            let error = Address::parse(wrong).err().unwrap();
            assert!(error.is_invalid(), "{wrong}");
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
        }
    }
}
