//! Requests to the HTTP interface of a server.

use std::{fmt, io, sync::Arc, time::Duration};

use ureq::{Agent, Error as HttpError, http::Response};

use super::{address::Address, row_binary::RowWriter};
use crate::error::{Error, ErrorKind, Result};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a statement of an intake may take. A batch of 6 MiB takes a minute through a slow network.
pub(super) const INTAKE_TIMEOUT: Duration = Duration::from_secs(120);
/// The same for other statements: some read all there is.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(600);
/// Compresses two to four times on the way, at more than 300 MB/s.
const LEVEL: i32 = 1;

/// Sends statements to one database.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
    address: Arc<Address>,
}

/// A statement with its parameters and settings.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: String,
    parameters: Vec<(String, String)>,
    settings: Vec<(&'static str, String)>,
}

/// A value of a parameter.
pub(super) trait Parameter {
    /// Appends the value as a parameter is written.
    fn write(&self, to: &mut String);

    /// Appends it as an item of an array is written.
    fn write_item(&self, to: &mut String) {
        self.write(to);
    }
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Statement {
            sql: sql.into(),
            parameters: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// Binds the parameter `{name:…}`.
    pub(super) fn with(
        mut self,
        name: impl Into<String>,
        value: &(impl Parameter + ?Sized),
    ) -> Self {
        self.bind(name.into(), value);
        self
    }

    pub(super) fn bind(&mut self, name: String, value: &(impl Parameter + ?Sized)) {
        let mut text = String::new();
        value.write(&mut text);
        self.parameters.push((name, text));
    }

    pub(super) fn push_sql(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Sets a setting for this statement.
    pub(super) fn set(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }

    /// What makes an insert exact: it is committed when it is answered, and a second one with the same token inserts nothing. Says so
    /// whatever the server's defaults are.
    pub(super) fn inserting(self, token: &str) -> Self {
        self.set("async_insert", 0)
            .set("insert_deduplicate", 1)
            .set("insert_deduplication_token", token)
            // Dates may be wrong.
            .set("max_partitions_per_insert_block", 0)
    }

    /// What makes an answer exact: of rows that were inserted twice it has one.
    pub(super) fn reading(self) -> Self {
        self.set("final", 1)
    }
}

impl Client {
    /// Returns a client. Does not connect.
    pub(super) fn new(address: Arc<Address>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The password would go where it leads.
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("tower-activity/", env!("CARGO_PKG_VERSION")))
            .build();
        Client {
            agent: Agent::new_with_config(config),
            address,
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Runs a statement, and returns its answer in `RowBinary`.
    ///
    /// # Errors
    ///
    /// If it fails, or is not answered in time (`is_timeout`).
    pub(super) fn query(&self, statement: &Statement, timeout: Duration) -> Result<Vec<u8>> {
        self.send(statement, Some(&self.address.database), None, timeout)
    }

    /// Inserts rows.
    ///
    /// # Errors
    ///
    /// If it fails. The rows may have been inserted all the same.
    pub(super) fn insert(&self, statement: &Statement, rows: &RowWriter) -> Result<()> {
        let body = zstd::bulk::compress(rows.as_bytes(), LEVEL)
            .map_err(|cause| Error::store("cannot compress rows").with_source(cause))?;
        let database = Some(&*self.address.database);
        self.send(statement, database, Some(&body), INTAKE_TIMEOUT)?;
        Ok(())
    }

    /// Runs a statement that needs no database to be there.
    pub(super) fn execute_outside(&self, statement: &Statement) -> Result<()> {
        self.send(statement, None, None, INTAKE_TIMEOUT)?;
        Ok(())
    }

    fn send(
        &self,
        statement: &Statement,
        database: Option<&str>,
        rows: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Vec<u8>> {
        let parameters = statement.parameters.iter();
        let parameters = parameters.map(|(name, value)| (format!("param_{name}"), value.clone()));
        let settings = statement.settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let own = [
            ("default_format", "RowBinary"),
            ("enable_http_compression", "1"),
            // An error is the status of the answer, and never in the middle of it.
            ("wait_end_of_query", "1"),
        ];
        let own = own
            .into_iter()
            .chain(database.map(|name| ("database", name)));
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut request = self
            .agent
            .post(self.address.url())
            .config()
            .timeout_global(Some(timeout))
            .build()
            .query_pairs(own.chain(settings).chain(parameters))
            .header("accept-encoding", "zstd")
            .header("x-clickhouse-user", &self.address.user)
            .header("x-clickhouse-key", self.address.password());
        let sent = match rows {
            // The statement is in the address, and its data is the body.
            Some(rows) => {
                request = request.query("query", &statement.sql);
                request.header("content-encoding", "zstd").send(rows)
            }
            None => request.send(&statement.sql),
        };
        let answer = sent.map_err(|cause| self.unreachable(cause, timeout))?;
        self.read(answer, timeout)
    }

    fn read(&self, mut answer: Response<ureq::Body>, timeout: Duration) -> Result<Vec<u8>> {
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let code = header("x-clickhouse-exception-code").and_then(|code| code.parse().ok());
        let is_compressed = header("content-encoding") == Some("zstd");
        let body = answer
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_vec();
        let mut body = body.map_err(|cause| self.unreachable(cause, timeout))?;
        if is_compressed {
            body = zstd::decode_all(&body[..])
                .map_err(|cause| self.unreachable(HttpError::Io(cause), timeout))?;
        }
        match (code, answer.status()) {
            (None, status) if status.is_success() => Ok(body),
            (code, status) => {
                let message = String::from_utf8_lossy(&body);
                let message = message.trim();
                let cause = match message {
                    "" => format!("answered {status}"),
                    message => message.to_owned(),
                };
                Err(self.refused(code.unwrap_or_default()).with_source(cause))
            }
        }
    }

    /// Returns the error for a request without a whole answer.
    fn unreachable(&self, cause: HttpError, timeout: Duration) -> Error {
        let name = self.address.name();
        let is_late = matches!(cause, HttpError::Timeout(_))
            || matches!(&cause, HttpError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut);
        match is_late {
            true => Error::new(
                ErrorKind::Timeout,
                format!("no answer from the store {name} for {timeout:?}"),
            ),
            false => Error::new(ErrorKind::Store, format!("cannot reach the store {name}")),
        }
        .with_source(cause)
    }

    /// Returns the error for an exception of the server.
    fn refused(&self, code: u32) -> Error {
        let name = self.address.name();
        match code {
            // UNKNOWN_TABLE, UNKNOWN_DATABASE
            60 | 81 => self.address.no_log_yet(),
            // TIMEOUT_EXCEEDED
            159 => Error::new(
                ErrorKind::Timeout,
                format!(
                    "query timed out: the store {name} has not answered in time · narrow the time range or the filter"
                ),
            ),
            // READONLY, UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED
            164 | 192 | 193 | 497 | 516 => Error::new(
                ErrorKind::Denied,
                format!(
                    "the user {} may not do this in the store {name}",
                    self.address.user
                ),
            ),
            // NOT_ENOUGH_SPACE
            243 => Error::new(
                ErrorKind::Full,
                format!("the disk of the store {name} is full"),
            ),
            _ => Error::new(
                ErrorKind::Store,
                format!("cannot read or write the store {name}"),
            ),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.address.name())
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Parameter for $number {
            fn write(&self, to: &mut String) {
                to.push_str(&self.to_string());
            }
        })+
    };
}

numbers!(u8, u64, u128, i64);

impl Parameter for str {
    fn write(&self, to: &mut String) {
        for c in self.chars() {
            match c {
                '\\' => to.push_str("\\\\"),
                '\'' => to.push_str("\\'"),
                '\t' => to.push_str("\\t"),
                '\n' => to.push_str("\\n"),
                '\r' => to.push_str("\\r"),
                '\0' => to.push_str("\\0"),
                c => to.push(c),
            }
        }
    }

    fn write_item(&self, to: &mut String) {
        to.push('\'');
        self.write(to);
        to.push('\'');
    }
}

impl Parameter for String {
    fn write(&self, to: &mut String) {
        self.as_str().write(to);
    }

    fn write_item(&self, to: &mut String) {
        self.as_str().write_item(to);
    }
}

impl<T: Parameter> Parameter for [T] {
    fn write(&self, to: &mut String) {
        to.push('[');
        for (number, item) in self.iter().enumerate() {
            if number > 0 {
                to.push(',');
            }
            item.write_item(to);
        }
        to.push(']');
    }
}
