//! Passwords that are not in an address: in the environment, and in `~/.pgpass`.

use std::{env, fs, path::Path};

use tokio_postgres::{Config, config::Host};

use super::name::port;
use crate::error::{Error, Result};

/// How passwords are found that are not in the address.
pub(super) struct Passwords {
    /// `PGPASSWORD`
    variable: Option<String>,
    /// The text of `~/.pgpass`, or the file that `PGPASSFILE` names.
    file: Option<String>,
}

impl Passwords {
    pub(super) fn of_process() -> Result<Self> {
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
    pub(super) fn find(&self, config: &Config) -> Option<String> {
        if let Some(variable) = &self.variable {
            return Some(variable.clone());
        }
        let address = config.get_hostaddrs().first().map(ToString::to_string);
        let host = match (config.get_hosts().first(), &address) {
            (Some(Host::Tcp(name)), _) => name,
            (None, Some(address)) => address,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_as_by_other_clients() {
        let file = "# comment\nshort:line\nother:*:*:a:wrong\n*:5432:c:a:with\\:colon\\\\ :and more\nlocalhost:*:d:a:local\n*:*:*:*:last";
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
        check(None, "postgres://a@/d?hostaddr=10.0.0.1", "last");
        check(None, "postgres://a@/d", "local");
    }
}
