//! What a connection is for, and what its user must be allowed to do: the roles of `docs/postgres-roles.sql`.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::error::{Error, ErrorKind};

/// How long a request of an intake may take without an answer, as a multiple of the silence of a server: it may wait for locks, and a
/// batch of 6 MiB takes a minute through a slow network.
const REQUEST: u32 = 6;
/// The same for other requests: some read all there is.
const LONG_REQUEST: u32 = 30;

/// The role that a connection needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Forwarder,
    Reader,
    Maintainer,
    /// A maintainer that delivers webhooks, and knows sooner when a server is gone.
    Webhooks,
}

impl Role {
    /// Returns how long a request may take without an answer.
    pub(super) fn timeout(self, silence: Duration) -> Duration {
        silence
            * match self {
                Role::Forwarder | Role::Webhooks => REQUEST,
                Role::Reader | Role::Maintainer => LONG_REQUEST,
            }
    }

    /// Returns the error for a user that lacks a right; `None` for other causes.
    pub(super) fn explain(self, cause: &tokio_postgres::Error) -> Option<Error> {
        (cause.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)).then(|| self.denied())
    }

    fn denied(self) -> Error {
        let (what, name) = match self {
            Role::Forwarder => ("forward to the central store", "activity_forwarder"),
            Role::Reader => ("read the central store", "activity_reader"),
            Role::Maintainer => ("maintain the central store", "activity_maintainer"),
            Role::Webhooks => (
                "use the webhooks of the central store",
                "activity_maintainer",
            ),
        };
        Error::new(
            ErrorKind::Denied,
            format!(
                "the user of the database may not {what}: it needs the role {name} of docs/postgres-roles.sql"
            ),
        )
    }

    /// Returns the error for a user that may not create the schema, or migrate it from this version; `None` for other causes.
    pub(super) fn explain_migration(from: i64, cause: &tokio_postgres::Error) -> Option<Error> {
        let database = cause.as_db_error()?;
        if *database.code() != SqlState::INSUFFICIENT_PRIVILEGE {
            return None;
        }
        let message = match from {
            0 => {
                "no log has been forwarded to this database yet, and its user may not create the schema: forward once as a user who \
                 owns the database, then run docs/postgres-roles.sql"
            }
            _ => {
                "the schema of the database has an older version, and its user may not migrate it: that needs the role \
                 activity_maintainer of docs/postgres-roles.sql"
            }
        };
        Some(Error::new(ErrorKind::Denied, message).with_source(database.message()))
    }
}
