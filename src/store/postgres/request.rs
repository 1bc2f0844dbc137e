//! Requests of a connection, and why they fail.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use tokio_postgres::{
    Config, GenericClient, Row,
    error::SqlState,
    types::{ToSql, Type},
};

use super::{
    explain::{self, Cause},
    name::name,
    role::Role,
};
use crate::error::{Error, ErrorKind};

/// A value of a parameter, and its type: statements without a name need both, and poolers pass on only those.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// Why a transaction failed.
#[derive(Debug)]
pub(super) enum Failed {
    Database(tokio_postgres::Error),
    /// No log has been forwarded to the database yet.
    NoSchema,
    /// The schema has other contents, or only a part of them.
    OtherSchema,
    Other(Error),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(cause: tokio_postgres::Error) -> Self {
        Failed::Database(cause)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Other(error)
    }
}

impl Failed {
    /// Returns true if the connection was lost, or the server has ended it.
    pub(super) fn is_lost(&self) -> bool {
        let ended = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        match self {
            Failed::Database(cause) => {
                cause.is_closed() || cause.code().is_some_and(|code| ended.contains(code))
            }
            Failed::NoSchema | Failed::OtherSchema | Failed::Other(_) => false,
        }
    }

    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Failed::Other(error) if error.is_timeout())
    }

    /// Returns true if an earlier statement of the transaction has failed.
    fn is_refused_later(&self) -> bool {
        matches!(self, Failed::Database(cause) if cause.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION))
    }

    pub(super) fn into_error(self, role: Role, config: &Config) -> Error {
        let cause = match self {
            Failed::Other(error) => return error,
            Failed::NoSchema => return explain::no_schema(config),
            Failed::OtherSchema => return explain::other_schema(config),
            Failed::Database(cause) => cause,
        };
        let explained = role
            .explain(&cause)
            .or_else(|| explain::another_layout(&cause));
        let error = explained.unwrap_or_else(|| {
            let name = name(config);
            let (kind, what) = match cause.code() {
                Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => (
                    ErrorKind::Store,
                    format!(
                        "cannot write to the store {name}: its server is a standby, or read-only · name all servers: \
                         postgres://user@host1,host2/database?target_session_attrs=read-write"
                    ),
                ),
                Some(&SqlState::DISK_FULL) => (
                    ErrorKind::Full,
                    format!("the disk of the store {name} is full"),
                ),
                _ => (
                    ErrorKind::Store,
                    format!("cannot read or write the store {name}"),
                ),
            };
            Error::new(kind, what)
        });
        error.with_source(Cause(cause))
    }
}

/// Runs a query of a statement without a name.
pub(super) async fn query(
    transaction: &impl GenericClient,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    transaction.query_typed(sql, parameters).await
}

/// Waits for queries that are sent one after another, without waiting for answers in between. Returns their answers in this order, or
/// the error of the one that failed, after which its transaction refuses the later ones.
pub(super) async fn all<T, F: Future<Output = Result<T, Failed>>>(
    mut queries: Vec<Pin<Box<F>>>,
) -> Result<Vec<T>, Failed> {
    let mut answers: Vec<Option<Result<T, Failed>>> = queries.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (query, answer) in queries.iter_mut().zip(&mut answers) {
            if answer.is_none() {
                match query.as_mut().poll(context) {
                    Poll::Ready(Err(failed)) if !failed.is_refused_later() => {
                        return Poll::Ready(Err(failed));
                    }
                    Poll::Ready(done) => *answer = Some(done),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        match is_pending {
            true => Poll::Pending,
            false => Poll::Ready(answers.drain(..).flatten().collect()),
        }
    })
    .await
}
