//! Connections to the server: they are driven by a thread of their own, so that they can be used on any thread, inside a runtime or
//! without one.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use tokio::runtime::{Builder, Handle};
use tokio_postgres::{
    CancelToken, Client, Config, NoTls, Row, Transaction,
    error::SqlState,
    types::{ToSql, Type},
};

use super::address::Address;
use crate::error::{Error, ErrorKind, Result};

/// How long connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may be silent on the network: it is gone then, and the next attempt connects anew.
const SILENCE: Duration = Duration::from_secs(20);

/// The time that an address without `keepalives_idle` has.
const DEFAULT_KEEPALIVES: Duration = Duration::from_secs(2 * 60 * 60);

/// The runtime that drives all connections of this process.
static RUNTIME: LazyLock<std::io::Result<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("activity-postgres".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
});

/// A connection to the database.
#[derive(Debug)]
pub(super) struct Connection {
    address: Arc<Address>,
    client: Client,
    /// A cancelled statement was on this connection. The request to cancel it may arrive late, and would end a later one.
    is_cancelled: bool,
}

/// A value of a parameter, and its type: statements without a name need both, and poolers pass on only those.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Connection {
    /// Connects to the server.
    pub(super) fn open(address: Arc<Address>) -> Result<Self> {
        let client = connect(&address)?;
        Ok(Connection {
            address,
            client,
            is_cancelled: false,
        })
    }

    /// Runs `work` in a transaction, which is committed if it returns `Ok`. Reconnects first if the connection was lost.
    pub(super) fn transaction<T>(
        &mut self,
        begin: &str,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Failed>,
    ) -> Result<T> {
        if self.client.is_closed() {
            self.client = connect(&self.address)?;
        }
        let done = wait(async {
            let transaction = self.client.transaction().await?;
            transaction.batch_execute(begin).await?;
            let done = work(&transaction).await?;
            transaction.commit().await?;
            Ok(done)
        });
        done.map_err(|failed: Failed| failed.into_error(&self.address.config))
    }

    /// Runs a statement that cannot be part of a transaction.
    pub(super) fn execute(&mut self, sql: &str) -> Result<()> {
        if self.client.is_closed() {
            self.client = connect(&self.address)?;
        }
        let done = wait(self.client.batch_execute(sql));
        done.map_err(|cause| Failed::Database(cause).into_error(&self.address.config))
    }

    /// Runs `begin`, and then `work` in the transaction that it has begun, which only reads. Reconnects if the connection was lost
    /// before.
    pub(super) fn read<B, T>(
        &mut self,
        begin: &impl AsyncFn(&Client) -> Result<B, Failed>,
        work: impl AsyncFnOnce(&Client, B) -> Result<T, Failed>,
    ) -> Result<T> {
        if self.client.is_closed() || self.is_cancelled {
            self.client = connect(&self.address)?;
            self.is_cancelled = false;
        }
        let mut begun = wait(begin(&self.client));
        if begun.as_ref().is_err_and(Failed::is_lost) {
            self.client = connect(&self.address)?;
            begun = wait(begin(&self.client));
        }
        let done = begun.and_then(|begun| {
            let _rollback = Rollback(&self.client);
            wait(work(&self.client, begun))
        });
        if done.as_ref().is_err_and(Failed::is_timeout) {
            cancel(self.client.cancel_token(), &self.address);
            self.is_cancelled = true;
        }
        done.map_err(|failed| failed.into_error(&self.address.config))
    }
}

/// Ends the transaction of a read. The next statement of the connection waits for that, the caller does not.
struct Rollback<'a>(&'a Client);

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        let mut rollback = pin!(self.0.batch_execute("ROLLBACK"));
        // It is sent when it is first polled. Its answer is dropped.
        let _ = rollback
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Why a transaction failed.
#[derive(Debug)]
pub(super) enum Failed {
    Database(tokio_postgres::Error),
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
    fn is_lost(&self) -> bool {
        let ended = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        match self {
            Failed::Database(cause) => {
                cause.is_closed() || cause.code().is_some_and(|code| ended.contains(code))
            }
            Failed::Other(_) => false,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Failed::Other(error) if error.is_timeout())
    }

    fn into_error(self, config: &Config) -> Error {
        match self {
            Failed::Other(error) => error,
            Failed::Database(cause) => {
                let what = format!("cannot read or write the store {}", name(config));
                Error::store(what).with_source(cause)
            }
        }
    }
}

/// Waits for a while, on any thread.
pub(super) async fn sleep(duration: Duration) {
    if let Ok(runtime) = RUNTIME.as_ref() {
        // It fails only if the runtime ends, which it does with the process.
        let _ = runtime
            .spawn(async move { tokio::time::sleep(duration).await })
            .await;
    }
}

/// Asks the server to end what a connection is waiting for. Does not wait for that.
fn cancel(token: CancelToken, address: &Address) {
    let (Ok(runtime), Ok(connector)) = (RUNTIME.as_ref(), address.tls.connector()) else {
        return;
    };
    runtime.spawn(async move {
        // If the server cannot be reached, its own limit ends the statement.
        let _ = match connector {
            None => token.cancel_query(NoTls).await,
            Some(connector) => token.cancel_query(connector).await,
        };
    });
}

/// Runs a query of a statement without a name.
pub(super) async fn query(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[Parameter<'_>],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    transaction.query_typed(sql, parameters).await
}

fn connect(address: &Address) -> Result<Client> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(
            ErrorKind::Store,
            format!("cannot connect to the store {}", name(&address.config)),
        )
        .with_source(cause)
    };
    let runtime = RUNTIME
        .as_ref()
        .map_err(|cause| failed(cause.to_string().into()))?;
    let connector = address.tls.connector()?;
    let mut config = address.config.clone();
    config.connect_timeout(CONNECT_TIMEOUT);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_keepalives_idle() == DEFAULT_KEEPALIVES {
        config.keepalives_idle(SILENCE / 2);
        config.keepalives_interval(SILENCE / 4);
    }
    let connected = runtime.spawn(async move {
        // The connection ends with its client, or with an error that the client's next request returns.
        Ok::<_, tokio_postgres::Error>(match connector {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                client
            }
            Some(connector) => {
                let (client, connection) = config.connect(connector).await?;
                tokio::spawn(connection);
                client
            }
        })
    });
    match wait(connected) {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(cause)) => Err(failed(cause.into())),
        Err(cause) => Err(failed(cause.into())),
    }
}

/// Names the database without a password.
pub(super) fn name(config: &Config) -> String {
    use tokio_postgres::config::Host;

    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        #[cfg(unix)]
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".into(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config
        .get_dbname()
        .or(config.get_user())
        .unwrap_or_default();
    format!("postgres://{host}:{port}/{database}")
}

/// Waits for a future on this thread, even inside a runtime: another thread drives what it waits for.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    // A task of a runtime has a budget: once it is spent, channels and timers stay pending until the task yields.
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
