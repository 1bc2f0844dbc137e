//! The user and the password in an address, which is printed without the password.

/// Returns the password in an address; `None` if it has none.
pub fn password_in(address: &str) -> Option<&str> {
    let (credentials, rest) = split(address);
    let (_, parameters) = rest.split_once('?').unwrap_or_default();
    user_password(credentials).or_else(|| parameters.split('&').find_map(parameter_password))
}

/// Returns an address without its password, to be printed.
///
/// # Examples
///
/// ```
/// use tower_activity::store::postgres::without_password;
///
/// assert_eq!(without_password("postgres://act:s3cret@db/ops"), "postgres://act@db/ops");
/// ```
pub fn without_password(address: &str) -> String {
    let (credentials, rest) = split(address);
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let mut printed = match user_password(credentials) {
        // With the colon before it.
        Some(password) => credentials[..credentials.len() - password.len() - 2].to_owned() + "@",
        None => credentials.to_owned(),
    };
    printed += place;
    let shown = parameters.split('&');
    let shown = shown.filter(|one| !one.is_empty() && parameter_password(one).is_none());
    for (separator, parameter) in ["?"].into_iter().chain(std::iter::repeat("&")).zip(shown) {
        printed += separator;
        printed += parameter;
    }
    printed
}

/// Splits an address behind the `@` after its user and password. A password may have any character.
pub(super) fn split(address: &str) -> (&str, &str) {
    let start = address.find("://").map_or(0, |at| at + 3);
    let mut end = start;
    while let Some(at) = address[end..].find('@') {
        let before = &address[end..end + at];
        let is_behind_host = match end == start {
            true => has_host(before),
            false => before.contains(['/', '?']),
        };
        if is_behind_host {
            break;
        }
        end += at + 1;
    }
    match end == start {
        true => ("", address),
        false => address.split_at(end),
    }
}

/// Returns true if the text before an `@` is not a user, but a host with a path or parameters.
fn has_host(text: &str) -> bool {
    let Some(at) = text.find(['/', '?']) else {
        return false;
    };
    let (hosts, rest) = text.split_at(at);
    let has_port = |host: &str| {
        let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
        let port = behind.split_once(':').map_or("", |(_, port)| port);
        port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_name = |name: &str| {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        !name.is_empty() && name.bytes().all(is_letter)
    };
    let parameter = rest
        .split_once('?')
        .and_then(|(_, behind)| behind.split_once('='));
    let has_parameter = parameter.is_some_and(|(name, _)| is_name(name));
    !text.contains(':') || (has_parameter && hosts.split(',').all(has_port))
}

fn user_password(credentials: &str) -> Option<&str> {
    let (_, user) = credentials.strip_suffix('@')?.split_once("://")?;
    let (_, password) = user.split_once(':')?;
    Some(password).filter(|password| !password.is_empty())
}

fn parameter_password(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    let is_password = name.eq_ignore_ascii_case("password");
    (is_password && !value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_found() {
        let check = |url: &str, expected| assert_eq!(password_in(url), expected, "{url}");
        check("postgres://u:hunter2@h/x", Some("hunter2"));
        check("postgres://u:a@b@h:5432/x?y=1", Some("a@b"));
        check("postgres://u:a/b?c#d@h/x", Some("a/b?c#d"));
        check("postgres://u@h/x", None);
        check("postgres://u:@h/x", None);
        check("postgres://h:5432/x", None);
        check("postgres://u@h/x?a=b&password=hunter2", Some("hunter2"));
        check("postgres://u@h/x?PASSWORD=hunter2&a=b", Some("hunter2"));
        check("postgres://u@h/x?password=", None);
        check("postgres://h/x?user=u&password=s3cr@t", Some("s3cr@t"));
        check("postgres://h:1,[::1]:2/x?password=s3cr@t", Some("s3cr@t"));
        check("postgres:///x?host=a:b&password=s3cr@t", Some("s3cr@t"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let check = |url: &str, expected| assert_eq!(without_password(url), expected);
        check("postgres://u:hunter2@h/x?a=b", "postgres://u@h/x?a=b");
        check("postgres://u:a/b?c#d@h/x?y=1", "postgres://u@h/x?y=1");
        check(
            "postgres://u@h:5432/x?options=a@b",
            "postgres://u@h:5432/x?options=a@b",
        );
        check("postgres://u@h/x?password=hunter2", "postgres://u@h/x");
        check(
            "postgres://u:p@h/x?a=b&password=hunter2&c=d",
            "postgres://u@h/x?a=b&c=d",
        );
        check("postgres://h/x?a=b&password=s3cr@t", "postgres://h/x?a=b");
    }
}
