//! Connections to the server: they are driven by a thread of their own, so that they can be used on any thread, inside a runtime or
//! without one.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle},
    task::AbortHandle,
};
use tokio_postgres::{CancelToken, Client, NoTls, Transaction};
use uuid::Uuid;

pub(super) use super::request::{Failed, Parameter, all, query};
use super::{address::Address, explain, name::name, role::Role, schema};
use crate::error::{Error, ErrorKind, Result};

/// How long connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may be silent on the network: it is gone then, and the next attempt connects anew. The parameter
/// `tcp_user_timeout` of an address changes it.
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
    role: Role,
    link: Link,
    /// How long a request outside of [`read`](Self::read) may take without an answer.
    timeout: Duration,
    /// Settings of each transaction: if this side is gone, or does not answer, the server ends what it does and gives up its locks.
    settings: String,
    /// A cancelled statement was on this connection. The request to cancel it may arrive late, and would end a later one.
    is_cancelled: bool,
}

/// A client, and the task that drives its connection.
#[derive(Debug)]
struct Link {
    client: Client,
    task: AbortHandle,
    /// When the task last received or sent something.
    active_at: Arc<Mutex<Instant>>,
}

impl Connection {
    /// Connects to the server. A request that is not answered for as long as its [`Role`] waits fails (`is_timeout`).
    pub(super) fn open(address: Arc<Address>, role: Role) -> Result<Self> {
        let link = connect(&address)?;
        let silence = address.config.get_tcp_user_timeout().copied();
        let timeout = role.timeout(silence.unwrap_or(SILENCE));
        let ms = timeout.as_millis().min(i32::MAX as u128);
        Ok(Connection {
            address,
            role,
            link,
            timeout,
            settings: format!(
                "SET LOCAL idle_in_transaction_session_timeout = {ms}; SET LOCAL statement_timeout = {ms}; \
                 SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5"
            ),
            is_cancelled: false,
        })
    }

    /// Names the transactions of this connection to the server.
    pub(super) fn set_name(&mut self, name: Uuid) {
        let setting = format!("; SET LOCAL application_name = 'tower-activity {name}'");
        if !self.settings.ends_with(&setting) {
            self.settings += &setting;
        }
    }

    /// Connects again if the connection was lost, or given up.
    fn reconnect(&mut self) -> Result<()> {
        if self.link.client.is_closed() || self.is_cancelled {
            self.link = connect(&self.address)?;
            self.is_cancelled = false;
        }
        Ok(())
    }

    /// Gives up the connection, and asks the server to end what it is doing. Does not wait for that.
    fn give_up(&mut self) {
        cancel(self.link.client.cancel_token(), &self.address);
        self.link.task.abort();
        self.is_cancelled = true;
    }

    /// Runs `work` in a transaction, which is committed if it returns `Ok`. Reconnects first if the connection was lost.
    pub(super) fn transaction<T>(
        &mut self,
        begin: &str,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, Failed>,
    ) -> Result<T> {
        self.reconnect()?;
        let begin = format!("{begin}; {}", self.settings);
        let Link {
            client, active_at, ..
        } = &mut self.link;
        let done = wait_for_answer(active_at, self.timeout, async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(&begin).await?;
            let done = work(&transaction).await?;
            transaction.commit().await?;
            Ok(done)
        });
        self.finish(done)
    }

    /// Runs a statement that cannot be part of a transaction.
    pub(super) fn execute(&mut self, sql: &str) -> Result<()> {
        self.reconnect()?;
        let done = wait_for_answer(&self.link.active_at, self.timeout, async {
            Ok(self.link.client.batch_execute(sql).await?)
        });
        self.finish(done)
    }

    /// Gives up the connection if there was no answer.
    fn finish<T>(&mut self, done: Result<T, Failed>) -> Result<T> {
        if done.as_ref().is_err_and(Failed::is_timeout) {
            self.give_up();
        }
        done.map_err(|failed| {
            let failed = match &failed {
                Failed::Database(cause) if explain::is_missing(cause) => {
                    self.schema_fault().unwrap_or(failed)
                }
                _ => failed,
            };
            failed.into_error(self.role, &self.address.config)
        })
    }

    /// Returns what is wrong with the schema as a whole.
    fn schema_fault(&self) -> Option<Failed> {
        let Link {
            client, active_at, ..
        } = &self.link;
        let found = schema::check_current(client);
        let fault = wait_for_answer(active_at, self.timeout, found).err();
        fault.filter(|fault| matches!(fault, Failed::NoSchema | Failed::OtherSchema))
    }

    /// Runs `begin`, and then `work` in the transaction that it has begun, which only reads. Reconnects if the connection was lost
    /// before.
    pub(super) fn read<B, T>(
        &mut self,
        begin: &impl AsyncFn(&Client) -> Result<B, Failed>,
        work: impl AsyncFnOnce(&Client, B) -> Result<T, Failed>,
    ) -> Result<T> {
        self.reconnect()?;
        let mut begun = wait(begin(&self.link.client));
        if begun.as_ref().is_err_and(Failed::is_lost) {
            self.link = connect(&self.address)?;
            begun = wait(begin(&self.link.client));
        }
        let done = begun.and_then(|begun| {
            let _rollback = Rollback(&self.link.client);
            wait(work(&self.link.client, begun))
        });
        self.finish(done)
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
        let cancelled = async {
            match connector {
                None => token.cancel_query(NoTls).await,
                Some(connector) => token.cancel_query(connector).await,
            }
        };
        // If the server cannot be reached, its own limit ends the statement.
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, cancelled).await;
    });
}

fn connect(address: &Address) -> Result<Link> {
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        Error::store(format!(
            "cannot connect to the store {}",
            name(&address.config)
        ))
        .with_source(cause)
    };
    let runtime = RUNTIME
        .as_ref()
        .map_err(|cause| failed(cause.to_string().into()))?;
    let connector = address.tls.connector()?;
    let mut config = address.login()?;
    let timeout = *config.get_connect_timeout().unwrap_or(&CONNECT_TIMEOUT);
    config.connect_timeout(timeout);
    // That is the network's part; the server may be silent, too.
    let timeout = timeout * config.get_hosts().len().max(1) as u32;
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_keepalives_idle() == DEFAULT_KEEPALIVES {
        config.keepalives_idle(SILENCE / 2);
        config.keepalives_interval(SILENCE / 4);
    }
    let connected = runtime.spawn(async move {
        let linked = async {
            Ok::<_, tokio_postgres::Error>(match connector {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    Link::new(client, connection)
                }
                Some(connector) => {
                    let (client, connection) = config.connect(connector).await?;
                    Link::new(client, connection)
                }
            })
        };
        tokio::time::timeout(timeout, linked).await
    });
    match wait(connected) {
        Ok(Ok(Ok(link))) => Ok(link),
        Ok(Ok(Err(cause))) => Err(explain::not_connected(cause, &address.config)),
        Ok(Err(_)) => Err(failed(
            format!("no answer for {timeout:?}: the server is away, or no PostgreSQL server listens there").into(),
        )),
        Err(cause) => Err(failed(cause.into())),
    }
}

impl Link {
    /// Drives a connection. It ends with its client, or with an error that the client's next request returns.
    fn new(
        client: Client,
        connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    ) -> Self {
        let active_at = Arc::new(Mutex::new(Instant::now()));
        let of_task = active_at.clone();
        let task = tokio::spawn(async move {
            let mut connection = pin!(connection);
            // It is polled when the socket has something to read, or takes more.
            poll_fn(|context| {
                *of_task.lock() = Instant::now();
                connection.as_mut().poll(context)
            })
            .await
        });
        Link {
            client,
            task: task.abort_handle(),
            active_at,
        }
    }
}

/// Waits for a request, until the connection was silent for too long.
fn wait_for_answer<T>(
    active_at: &Mutex<Instant>,
    timeout: Duration,
    request: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    *active_at.lock() = Instant::now();
    let left = || timeout.checked_sub(active_at.lock().elapsed());
    wait_while(request, left).unwrap_or_else(|| {
        let message = format!("no answer from the store for {timeout:?}");
        Err(Failed::Other(Error::new(ErrorKind::Timeout, message)))
    })
}

/// Waits for a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    wait_while(future, || Some(Duration::MAX)).expect("there is always time left")
}

/// Waits for a future on this thread as long as there is time left, even inside a runtime: another thread drives what it waits for.
fn wait_while<F: Future>(future: F, left: impl Fn() -> Option<Duration>) -> Option<F::Output> {
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
            Poll::Ready(done) => return Some(done),
            Poll::Pending => thread::park_timeout(left()?),
        }
    }
}
