//! The printed name of a database, which has no password.

use tokio_postgres::{Config, config::Host};

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

/// Names the first server.
pub(super) fn host_and_port(config: &Config) -> String {
    let name = name(config);
    let place = name.trim_start_matches("postgres://");
    place
        .split(['/', ','])
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Returns the port of a host.
pub(super) fn port(config: &Config, at: usize) -> u16 {
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
