//! The address of a database: where it is, how its server is verified, and the password.

use std::net::IpAddr;

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::{credentials, passwords::Passwords, tls::Verification};
use crate::{
    error::{Error, Result},
    record::most_similar,
    store::address,
};

/// The parameters of an address, beside those of [`Verification`](super::tls::Verification).
const PARAMETERS: [&str; 20] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];
const PORTS: &str = "a number from 1 to 65535";
/// The longest time of a parameter.
const MOST_SECONDS: u32 = 86_400;
const WITHOUT_VALUE: &str = "a parameter in the address of the PostgreSQL database has no value: parameters have the form name=value";
const MALFORMED: &str = "the address of the PostgreSQL database is malformed: it has the form postgres://user@host:5432/database";
const AMBIGUOUS: &str = "the address of the PostgreSQL database has / or ? before the user ends, or @ after that: write %2F, %3F or %40 in \
     the user and in the database";

/// Where the database is, and how to connect to it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    /// With a password, if the address has one.
    pub(super) config: Config,
    pub(super) tls: Verification,
}

impl Address {
    /// Parses an address, and checks that the password can be read if it has none. Errors repeat no part of the address.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (credentials, rest) = credentials::split(url);
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let user = credentials.split_once("://").unwrap_or_default().1;
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        // They may be parts of a password, which would be printed.
        if place.contains('@') || user.contains(['/', '?']) {
            return Err(Error::invalid(AMBIGUOUS));
        }
        check_ports(place)?;
        let (mut mode, mut root) = (None, None);
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root = Some(decode(value)?),
                Some((name, value)) if PARAMETERS.contains(&name) => {
                    check(name, value)?;
                    others.push(parameter);
                }
                Some((name, _)) => return Err(unknown(name)),
                None => return Err(Error::invalid(WITHOUT_VALUE)),
            }
        }
        let known = match others.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", others.join("&")),
        };
        // The parser takes the first one for the end of the password.
        let known = known.replace('@', "%40");
        let known = match credentials.strip_suffix('@') {
            Some(credentials) => credentials.replace('@', "%40") + "@" + &known,
            None => known,
        };
        // The cause may repeat a part of the address.
        let mut config = known
            .parse::<Config>()
            .map_err(|_| Error::invalid(MALFORMED))?;
        let tls = match (mode, root) {
            (Some("disable"), _) => Verification::NoTls,
            (Some("require"), None) => Verification::Unverified,
            (Some("verify-full"), root) | (None | Some("require"), root @ Some(_)) => {
                Verification::Verified { root }
            }
            (None, None) if is_local(&config) => Verification::NoTls,
            (None, None) => Verification::Verified { root: None },
            (Some(mode), _) => {
                return Err(wrong("sslmode", mode, "verify-full, require or disable"));
            }
        };
        config.ssl_mode(match tls {
            Verification::NoTls => SslMode::Disable,
            _ => SslMode::Require,
        });
        let address = Address { config, tls };
        address.login()?;
        Ok(address)
    }

    /// Returns the configuration with the password of now: it may be changed while the process runs.
    pub(super) fn login(&self) -> Result<Config> {
        let mut config = self.config.clone();
        if config.get_password().is_none()
            && let Some(password) = Passwords::of_process()?.find(&config)
        {
            config.password(password);
        }
        Ok(config)
    }
}

/// Checks the value of a parameter.
fn check(name: &str, value: &str) -> Result<()> {
    let words: &[&str] = match name {
        "connect_timeout" | "tcp_user_timeout" | "keepalives_idle" | "keepalives_interval" => {
            // Longer ones would overflow where they are multiplied.
            let seconds = value.parse::<u32>().ok();
            return match seconds.is_some_and(|seconds| seconds <= MOST_SECONDS) {
                true => Ok(()),
                false => Err(wrong(name, value, "a number of seconds from 0 to 86400")),
            };
        }
        "keepalives_retries" => match value.parse::<u32>() {
            Ok(_) => return Ok(()),
            Err(_) => return Err(wrong(name, value, "a number")),
        },
        "port" => match value
            .split(',')
            .all(|port| port.is_empty() || is_port(port))
        {
            true => return Ok(()),
            false => return Err(wrong(name, value, PORTS)),
        },
        "keepalives" => &["0", "1"],
        "channel_binding" => &["disable", "prefer", "require"],
        "load_balance_hosts" => &["disable", "random"],
        "sslnegotiation" => &["postgres", "direct"],
        "target_session_attrs" => &["any", "read-write", "read-only"],
        _ => return Ok(()),
    };
    match words.contains(&value) {
        true => Ok(()),
        false => Err(wrong(name, value, &words.join(", "))),
    }
}

/// Checks the ports of hosts. One that is not a number may be a password, and is not repeated.
fn check_ports(place: &str) -> Result<()> {
    let hosts = place.split_once("://").map_or(place, |(_, hosts)| hosts);
    let hosts = hosts.split('/').next().unwrap_or_default();
    for host in hosts.split(',') {
        let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
        match behind.split_once(':') {
            Some((_, port)) if !port.is_empty() && !is_port(port) => {
                let is_number = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
                let shown = if is_number { port } else { "" };
                return Err(wrong("the port", shown, PORTS));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns the error for a value. It repeats one that is a plain word: no password stands there.
fn wrong(name: &str, value: &str, possible: &str) -> Error {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.,".contains(&byte);
    let value = match value.bytes().all(is_plain) && (1..=20).contains(&value.len()) {
        true => format!(" {value:?}"),
        false => String::new(),
    };
    Error::invalid(format!(
        "{name}{value} in the address of the PostgreSQL database is not valid: write {possible}"
    ))
}

/// Returns the error for a parameter. It repeats its name only if that is like a known one: else it may be a part of a password.
fn unknown(name: &str) -> Error {
    let known = PARAMETERS.join(", ");
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let similar = most_similar(name, &PARAMETERS).filter(|_| name.bytes().all(is_letter));
    Error::invalid(match similar {
        Some(similar) => format!(
            "unknown parameter {name:?} in the address of the PostgreSQL database: did you mean {similar}? known: {known}"
        ),
        None => format!(
            "the address of the PostgreSQL database has an unknown parameter · known: {known}"
        ),
    })
}

/// True if the server is on this machine: `hostaddr` is where the client connects to, whatever the host is called.
fn is_local(config: &Config) -> bool {
    let mut addresses = config.get_hostaddrs().iter();
    addresses.all(IpAddr::is_loopback) && config.get_hosts().iter().all(is_here)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => address::is_local_host(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// Decodes `%20` and the like.
fn decode(value: &str) -> Result<String> {
    address::decode(value).ok_or_else(|| Error::invalid(MALFORMED))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;
    use crate::store::postgres::name::{name, port};

    #[test]
    fn servers_that_are_not_local_are_verified_by_default() {
        let check = |url: &str, expected: Verification| {
            let found = Address::parse(url).unwrap();
            assert_eq!(found.tls, expected, "{url}");
        };
        let verified = |root: Option<&str>| Verification::Verified {
            root: root.map(str::to_owned),
        };
        check("postgres://a:b@localhost/c", Verification::NoTls);
        check("postgres://a:b@127.0.0.1:1/c", Verification::NoTls);
        check("postgres://a:b@%2Ftmp/c", Verification::NoTls);
        check("postgres://a:b@db/c", verified(None));
        check("postgres://a:b@/c?hostaddr=10.0.0.1", verified(None));
        check(
            "postgres://a:b@localhost/c?hostaddr=10.0.0.1",
            verified(None),
        );
        check("postgres://a:b@/c?hostaddr=::1", Verification::NoTls);
        check("postgres://a:b@db,localhost/c", verified(None));
        check("postgres://a:b@db/c?sslmode=disable", Verification::NoTls);
        check(
            "postgres://a:b@db/c?sslmode=require",
            Verification::Unverified,
        );
        check(
            "postgres://a:b@localhost/c?sslmode=verify-full",
            verified(None),
        );
        check(
            "postgres://a:b@db/c?application_name=x&sslrootcert=%2Fa%20b.pem",
            verified(Some("/a b.pem")),
        );
    }

    proptest! {
        #[test]
        fn the_name_of_an_address_is_one_of_the_same_database(
            hosts in vec(("[a-z0-9.-]{1,12}|(%2F[a-z]{1,4}){1,3}|\\[(::1|fe80::1%25eth0)\\]|%C3%BC", option::of(1_u16..)), 0..4),
            user in option::of("[a-z]{1,6}(:[/?#a-z]{0,6})?"),
            database in option::of("([a-zA-Z_]|%20|%2F|%3F|%C3%BC|%25){1,8}"),
            hostaddr in option::of(select(vec!["10.0.0.1", "::1"])),
            socket in option::of(select(vec!["/run/postgresql", "/a b/ü"])),
        ) {
            let behind = |port: &Option<u16>| port.map(|port| format!(":{port}")).unwrap_or_default();
            let all: Vec<_> = hosts.iter().map(|(host, port)| format!("{host}{}", behind(port))).collect();
            let mut url = format!("postgres://{}", user.map(|user| user + "@").unwrap_or_default());
            url += &format!("{}/{}", all.join(","), database.unwrap_or_default());
            // One for each host.
            let hostaddr = hostaddr.map(|one| vec![one; hosts.len().max(1)].join(","));
            let mut separator = '?';
            for (name, value) in [("hostaddr", hostaddr.as_deref()), ("host", socket)] {
                if let Some(value) = value {
                    url += &format!("{separator}{name}={value}");
                    separator = '&';
                }
            }
            let first = Address::parse(&url).unwrap().config;
            let printed = name(&first);
            let second = Address::parse(&printed).unwrap().config;
            prop_assert_eq!(&name(&second), &printed, "{}", url);
            let is_default = first.get_hosts().is_empty();
            let ports = |config: &Config| {
                let count = second.get_hosts().len();
                (0..count).map(|at| port(config, at)).collect::<Vec<_>>()
            };
            prop_assert_eq!(ports(&first), ports(&second), "{}", &url);
            if !is_default {
                prop_assert_eq!(first.get_hosts(), second.get_hosts(), "{}", &url);
                prop_assert_eq!(first.get_hostaddrs(), second.get_hostaddrs(), "{}", &url);
            }
            let database = first.get_dbname().or(first.get_user());
            prop_assert_eq!(database, second.get_dbname(), "{}", &url);
        }

        #[test]
        fn no_printed_form_of_an_address_has_the_password(
            hosts in vec("[a-d]{1,4}(:[1-9][0-9]{0,3})?|\\[::1\\](:[1-9][0-9]{0,3})?|%2Ftmp", 1..3),
            user in "[a-d]{1,4}",
            middle in "[a-d0-9/?#@:=%.]{0,6}",
            is_parameter in any::<bool>(),
        ) {
            let (hosts, password) = (hosts.join(","), format!("s3cr{middle}t7x"));
            let url = match is_parameter {
                true => format!("postgres://{hosts}/ops?user={user}&password={password}&connect_timeout=1"),
                false => format!("postgres://{user}:{password}@{hosts}/ops?connect_timeout=1"),
            };
            let printed = match Address::parse(&url) {
                Ok(address) => {
                    if !middle.contains('%') {
                        prop_assert_eq!(address.config.get_password(), Some(password.as_bytes()), "{}", &url);
                    }
                    let printed = credentials::without_password(&url);
                    format!("{printed} {} {address:?}", name(&address.config))
                }
                Err(error) => {
                    prop_assert!(!is_parameter || middle.contains('%'), "{}", &url);
                    format!("{error} {error:?}")
                }
            };
            prop_assert!(!printed.contains("s3cr") && !printed.contains("t7x"), "{url}: {printed}");
        }
    }

    #[test]
    fn what_may_be_a_part_of_a_password_is_refused() {
        for url in [
            "postgres://my/user:s3cret@db/c",
            "postgres://a:s3cret@b/c@db/c",
            "postgres://db/a@b",
            "postgres://a@db/c?p%61ssword=s3cret",
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn unknown_parameters_are_named_with_the_similar_one() {
        let check = |parameter: &str, expected: &str| {
            let error = Address::parse(&format!("postgres://a:s3cret@db/c?{parameter}"));
            let message = error.unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check("sslmod=disable", r#"unknown parameter "sslmod""#);
        check("sslmod=disable", "did you mean sslmode?");
        check(
            "target_sesion_attrs=any",
            "did you mean target_session_attrs?",
        );
        check("sslcert=x", "known: application_name, ");
        check("sslmode", "has no value");
    }

    #[test]
    fn a_password_may_have_any_character() {
        let address = Address::parse("postgres://a:b/c?d#e@db/x?sslmode=disable").unwrap();
        assert_eq!(address.config.get_password(), Some(&b"b/c?d#e"[..]));
        assert_eq!(address.tls, Verification::NoTls);
    }

    #[test]
    fn errors_repeat_no_part_of_the_address() {
        for url in [
            "postgres://a:s3cret@db/c?sslmode=prefer",
            "postgres://a:s3cret@db:x/c",
            "postgres://ann@corp:s3cret/c",
            "postgres://a:b@ss:s3cret",
            // The host is missing.
            "postgres://a:s3cret",
            "postgres://a:s3cret@db/c?s3cret=1",
            "postgres://a:s3cret@db/c?sslrootcert=%zzs3cret",
            "s3cret",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(
                !format!("{error:?} {error}").contains("s3cret"),
                "{error:?}"
            );
        }
        let address = Address::parse("postgres://a:s3cret@db/c").unwrap();
        assert!(!format!("{address:?}").contains("s3cret"));
    }
}
