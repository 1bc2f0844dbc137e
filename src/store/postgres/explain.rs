//! Explains why a server refuses a connection or a statement, with the next step.

use std::{error::Error as StdError, fmt, io};

use tokio_postgres::{Config, error::SqlState};

use super::name::{host_and_port, name};
use crate::error::{Error, ErrorKind};

/// An error of the driver, in one line.
#[derive(Debug)]
pub(super) struct Cause(pub(super) tokio_postgres::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(database) = self.0.as_db_error() else {
            return write!(f, "{}", self.0);
        };
        f.write_str(database.message())?;
        let more = [database.detail(), database.hint()];
        more.into_iter()
            .flatten()
            .try_for_each(|more| write!(f, " · {}", more.replace('\n', "; ")))
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.0.as_db_error() {
            Some(_) => None,
            None => self.0.source(),
        }
    }
}

/// Returns the error for a connection that was not made. Only those of the kind `Store` may pass by waiting.
pub(super) fn not_connected(cause: tokio_postgres::Error, config: &Config) -> Error {
    let store = |kind, why: &str| {
        Error::new(
            kind,
            format!("cannot connect to the store {}{why}", name(config)),
        )
    };
    // Without the address, which clients of a server must not learn.
    let denied = |what: &str| Error::new(ErrorKind::Denied, what);
    let no_postgres = format!(
        ": no PostgreSQL server answers at {} · correct the host or the port",
        host_and_port(config)
    );
    let error = match cause.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            denied(
                "the server of the database refuses the login · correct the user in the address, its password (the variable PGPASSWORD, or \
             ~/.pgpass), or the server's pg_hba.conf",
            )
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => denied(
            "the user may not connect to the database · `GRANT CONNECT ON DATABASE … TO …` allows it",
        ),
        Some(&SqlState::INVALID_CATALOG_NAME) => store(
            ErrorKind::NoStore,
            ": its server has no such database · create it (`createdb`), or correct the name",
        ),
        Some(_) => store(ErrorKind::Store, ""),
        None => match cause.source().map(ToString::to_string).as_deref() {
            Some("password missing") => denied(
                "the server of the database asks for a password, and there is none · set the variable PGPASSWORD, or add the line \
                 `host:port:database:user:password` to ~/.pgpass, or to the file that the variable PGPASSFILE names",
            ),
            Some("server does not support TLS") => store(
                ErrorKind::NotAStore,
                ": its server does not offer TLS, or is not a PostgreSQL server · set it up there, or add sslmode=disable to the address if \
                 the network is trusted",
            ),
            Some("bytes remaining on stream") => store(ErrorKind::NotAStore, &no_postgres),
            _ if is_rejected_certificate(&cause) => store(
                ErrorKind::NotAStore,
                ": the certificate of its server is not trusted for this host · name the authority that has signed it by sslrootcert=FILE, \
                 and the host as in the certificate",
            ),
            _ if matches!(
                &*cause.to_string(),
                "unexpected message from server" | "error parsing response from server"
            ) =>
            {
                store(ErrorKind::NotAStore, &no_postgres)
            }
            _ => store(ErrorKind::Store, ""),
        },
    };
    error.with_source(Cause(cause))
}

fn is_rejected_certificate(cause: &tokio_postgres::Error) -> bool {
    let cause = cause
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    let cause = cause.and_then(io::Error::get_ref);
    let cause = cause.and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
}

/// Returns true if a statement has failed because something is not in the schema, or the schema is not there.
pub(super) fn is_missing(cause: &tokio_postgres::Error) -> bool {
    missing(cause).is_some()
}

fn missing(cause: &tokio_postgres::Error) -> Option<&'static str> {
    match cause.code()? {
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => Some("table"),
        &SqlState::UNDEFINED_FUNCTION => Some("function"),
        &SqlState::UNDEFINED_COLUMN => Some("column"),
        _ => None,
    }
}

/// Returns the error for a schema of this version that lacks something; `None` for other causes.
pub(super) fn another_layout(cause: &tokio_postgres::Error) -> Option<Error> {
    let lacks = missing(cause)?;
    Some(Error::store(format!(
        "the schema of the database lacks a {lacks} that this version of tower-activity needs: it is being restored, another program has \
         changed it, or a version before the first release has created it · wait until it is restored, or forward to another database"
    )))
}

/// Returns the error for a database without the schema.
pub(super) fn no_schema(config: &Config) -> Error {
    Error::new(
        ErrorKind::NoStore,
        format!(
            "no log has been forwarded to the database {} yet: it has no schema tower_activity · `activity forward --to URL` creates it \
             and forwards a log",
            name(config)
        ),
    )
}

/// Returns the error for a schema with other contents, or a part of them.
pub(super) fn other_schema(config: &Config) -> Error {
    Error::new(
        ErrorKind::NotAStore,
        format!(
            "the schema tower_activity of the database {} is incomplete, or another program's · wait if it is being restored; otherwise \
             rename it (`ALTER SCHEMA tower_activity RENAME TO …`), or use another database",
            name(config)
        ),
    )
}
