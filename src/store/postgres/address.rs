//! The address of a database: where it is, how its server is verified, and the password.

use std::{env, fs, net::IpAddr, path::Path};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::{credentials, tls::Verification};
use crate::{
    error::{Error, Result},
    record::most_similar,
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

/// How passwords are found that are not in the address.
struct Passwords {
    /// `PGPASSWORD`
    variable: Option<String>,
    /// The text of `~/.pgpass`, or the file that `PGPASSFILE` names.
    file: Option<String>,
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
        let (mut mode, mut root) = (None, None);
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => root = Some(decode(value)?),
                Some((name, _)) if PARAMETERS.contains(&name) => others.push(parameter),
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
            (None, None) if config.get_hosts().iter().all(is_local) => Verification::NoTls,
            (None, None) => Verification::Verified { root: None },
            (Some(_), _) => {
                return Err(Error::invalid(
                    "sslmode in the address of the PostgreSQL database is not verify-full, require or disable",
                ));
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

/// Names the database without a user and a password, as an address: of the same database.
pub(super) fn name(config: &Config) -> String {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let all: Vec<String> = match hosts {
        [] => addresses.iter().map(|one| tcp(&one.to_string())).collect(),
        hosts => hosts.iter().map(host).collect(),
    };
    let all = match all.is_empty() {
        true => vec!["localhost".to_owned()],
        false => all,
    };
    let all = all.iter().enumerate();
    let all: Vec<_> = all
        .map(|(at, host)| format!("{host}:{}", port(config, at)))
        .collect();
    let database = config.get_dbname().or(config.get_user());
    let database = encode(database.unwrap_or_default().as_bytes());
    let mut name = format!("postgres://{}/{database}", all.join(","));
    // The host is the name in the certificate then.
    if !hosts.is_empty() && !addresses.is_empty() {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        name += &format!("?hostaddr={}", addresses.join(","));
    }
    name
}

/// Returns the port of a host.
fn port(config: &Config, at: usize) -> u16 {
    let ports = config.get_ports();
    ports.get(at).or(ports.first()).copied().unwrap_or(5432)
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => tcp(name),
        #[cfg(unix)]
        Host::Unix(path) => encode(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())),
    }
}

/// Returns the name or address of a host, with an IPv6 address in brackets.
fn tcp(name: &str) -> String {
    match name.contains(':') {
        true => format!("[{}]", encode(name.as_bytes()).replace("%3A", ":")),
        false => encode(name.as_bytes()),
    }
}

/// Encodes what cannot stand in a part of an address, as `%20` and the like.
fn encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            byte => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

/// True if the server is on this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

impl Passwords {
    fn of_process() -> Result<Self> {
        let variable = env::var("PGPASSWORD").ok().filter(|one| !one.is_empty());
        let named = env::var_os("PGPASSFILE").map(Into::into);
        let file = named.or_else(|| Some(env::home_dir()?.join(".pgpass")));
        let file = match file.filter(|file| variable.is_none() && file.is_file()) {
            Some(file) => Some(read_secret(&file)?),
            None => None,
        };
        Ok(Passwords { variable, file })
    }

    /// Finds the password for a database: the first line of the file that matches.
    fn find(&self, config: &Config) -> Option<String> {
        if let Some(variable) = &self.variable {
            return Some(variable.clone());
        }
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.as_str(),
            _ => "localhost",
        };
        let port = port(config, 0);
        let user = config.get_user().unwrap_or_default();
        let database = config.get_dbname().unwrap_or(user);
        let wanted = [host, &port.to_string(), database, user];
        let lines = self.file.iter().flat_map(|file| file.lines());
        lines
            .filter(|line| !line.starts_with('#'))
            .find_map(|line| {
                let mut fields = fields(line);
                let password = fields.pop().filter(|_| fields.len() == 4)?;
                let matches = |(field, wanted): (&String, &&str)| field == "*" || field == *wanted;
                (fields.iter().zip(&wanted).all(matches)).then_some(password)
            })
    }
}

/// Reads a file that only its owner may read.
fn read_secret(file: &Path) -> Result<String> {
    let failed = |cause| {
        Error::invalid(format!("cannot read passwords from {}", file.display())).with_source(cause)
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = fs::metadata(file).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::invalid(format!(
                "others can read the passwords in {file}: `chmod 600 {file}`",
                file = file.display()
            )));
        }
    }
    fs::read_to_string(file).map_err(failed)
}

/// Returns the fields of a line of `.pgpass`: separated by colons, `\` before a character of a field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            // The password is the rest of the line.
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => chars.next(),
            c => Some(c),
        };
        if let (Some(c), Some(field)) = (c, fields.last_mut()) {
            field.push(c);
        }
    }
    fields
}

/// Decodes `%20` and the like.
fn decode(value: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest
            .split_at_checked(2)
            .and_then(|(digits, behind)| Some((str::from_utf8(digits).ok()?, behind)));
        let byte = digits
            .and_then(|(digits, behind)| Some((u8::from_str_radix(digits, 16).ok()?, behind)));
        let (byte, behind) = byte.ok_or_else(|| Error::invalid(MALFORMED))?;
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid(MALFORMED))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;

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
            hosts in vec("[a-d]{1,4}(:[0-9]{1,4})?|\\[::1\\](:[0-9]{1,4})?|%2Ftmp", 1..3),
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

    #[test]
    fn passwords_are_found_as_by_other_clients() {
        let file = "# comment\nshort:line\nother:*:*:a:wrong\n*:5432:c:a:with\\:colon\\\\ :and more\n*:*:*:*:last";
        let check = |variable: Option<&str>, url: &str, expected: &str| {
            let passwords = Passwords {
                variable: variable.map(str::to_owned),
                file: Some(file.to_owned()),
            };
            let config = url.parse().unwrap();
            assert_eq!(passwords.find(&config).as_deref(), Some(expected), "{url}");
        };
        check(Some("variable"), "postgres://a@db/c", "variable");
        check(None, "postgres://a@db/c", "with:colon\\ :and more");
        check(None, "postgres://a@other:1/c", "wrong");
        check(None, "postgres://a@db:1/c", "last");
        check(None, "postgres://b@db/c", "last");
    }
}
