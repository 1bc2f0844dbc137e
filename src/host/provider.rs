//! Host providers: the trait to implement, and the recorded operations around it.

use std::{any::type_name, future::Future};

use serde_json::json;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    activity::{Activity, ActivityGuard, Describe},
    error::{Error, Result},
    host::{ActivitySource, Host, handle::HostLock},
    log::ActivityLog,
    record::{Outcome, Status, Text},
};

/// Maximum length of a host name in bytes: that of a DNS label.
const MAX_NAME: usize = 63;

/// Creates, starts and stops hosts.
///
/// A provider implements these three methods; applications call those of [`HostProviderExt`], which record every
/// operation. Only `HostProviderExt` can create a [`Work`], so that no operation goes unrecorded. A provider that can
/// check whether a host is up sets [`Host::up_when`].
///
/// # Examples
///
/// ```
/// use tower_activity::{
///     ActivityLog, Error, ErrorKind, Result,
///     host::{ActivitySource, Host, HostActivity, HostProvider, HostProviderExt, Work},
/// };
///
/// struct Folders(std::path::PathBuf);
///
/// impl HostProvider for Folders {
///     async fn create(&self, _work: &Work, name: &str) -> Result<Host> {
///         let folder = self.0.join(name);
///         std::fs::create_dir(&folder)
///             .map_err(|cause| Error::new(ErrorKind::Host, format!("cannot make {folder:?}")).with_source(cause))?;
///         Ok(Host::in_directory(name.to_owned(), HostActivity::new(folder)))
///     }
///
///     async fn start(&self, _work: &Work, _host: &Host) -> Result<()> {
///         Ok(())
///     }
///
///     async fn stop(&self, _work: &Work, _host: &Host) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let log = ActivityLog::open(":memory:")?;
/// let provider = Folders(folder.path().to_owned());
/// let host = provider.create_host(&log, "web").await?;
/// assert!(host.markers().await?.get(ActivitySource::Boot).is_some());
/// # Ok(())
/// # }
/// ```
///
/// A provider cannot replace the recorded operations, because of the blanket implementation:
///
/// ```compile_fail,E0119
/// use tower_activity::{ActivityLog, Result, host::{Host, HostProvider, HostProviderExt, Work}};
///
/// struct Forgetful;
///
/// impl HostProvider for Forgetful {
///     async fn create(&self, _: &Work, _: &str) -> Result<Host> { unreachable!() }
///     async fn start(&self, _: &Work, _: &Host) -> Result<()> { unreachable!() }
///     async fn stop(&self, _: &Work, _: &Host) -> Result<()> { unreachable!() }
/// }
///
/// impl HostProviderExt for Forgetful {
///     async fn create_host(&self, _: &ActivityLog, _: &str) -> Result<Host> { unreachable!() }
///     async fn start_host(&self, _: &ActivityLog, _: &Host) -> Result<()> { unreachable!() }
///     async fn stop_host(&self, _: &ActivityLog, _: &Host) -> Result<()> { unreachable!() }
/// }
/// ```
///
/// Nor can an application bypass them, because a [`Work`] cannot be created outside this crate:
///
/// ```compile_fail,E0451
/// use tower_activity::{Activity, host::Work};
///
/// let work = Work { activity: Activity::current() };
/// ```
pub trait HostProvider: Send + Sync {
    /// Creates a host with this name and brings it up.
    ///
    /// # Errors
    ///
    /// If the host could not be created. The provider then removes what it created.
    fn create(&self, work: &Work, name: &str) -> impl Future<Output = Result<Host>> + Send;

    /// Brings up a stopped host.
    ///
    /// Not called if [`Host::is_up`] returns true. If the provider has no such check, it must leave a running host
    /// unchanged.
    ///
    /// # Errors
    ///
    /// If the host could not be brought up.
    fn start(&self, work: &Work, host: &Host) -> impl Future<Output = Result<()>> + Send;

    /// Stops a host so that it can be started again. Does nothing if it is stopped already.
    ///
    /// # Errors
    ///
    /// If the host could not be stopped.
    fn stop(&self, work: &Work, host: &Host) -> impl Future<Output = Result<()>> + Send;
}

/// The recorded operations of every [`HostProvider`].
///
/// Each call is recorded as an activity of kind `job` (`create_host`, `start_host`, `stop_host`) and as an event
/// (`host_created`, `host_started`, `host_stopped`) with status success or failed, whose reference is the host's name. A
/// marker that cannot be written does not fail the operation: it is recorded as an event `host_mark_failed`, and counted
/// by [`Host::mark_failures`].
pub trait HostProviderExt: HostProvider + sealed::Sealed {
    /// Creates a host, and writes its markers CREATE and BOOT.
    ///
    /// # Errors
    ///
    /// If the name is invalid (allowed are at most 63 letters, digits, `-`, `_` and `.`, neither `-` nor `.` first), or
    /// the provider fails.
    ///
    /// # Cancel safety
    ///
    /// If the provider is still creating the host, it may be left behind without markers. If the host was created, its
    /// markers are written regardless. The activity ends as `cancelled`.
    fn create_host(
        &self,
        log: &ActivityLog,
        name: &str,
    ) -> impl Future<Output = Result<Host>> + Send;

    /// Starts a stopped host, and writes its marker BOOT.
    ///
    /// Waits if a watcher is stopping the host. If [`Host::is_up`] returns true the host is not started again, but BOOT
    /// is written, because another program may have started it.
    ///
    /// # Errors
    ///
    /// If the provider fails, or a watcher takes longer than a minute to stop the host. A start that timed out
    /// (`is_timeout`) may have succeeded, so BOOT is written then too.
    ///
    /// # Cancel safety
    ///
    /// The host may or may not have been started. BOOT is written regardless, so that no watcher finds the host idle at
    /// once. The activity ends as `cancelled`.
    fn start_host(&self, log: &ActivityLog, host: &Host)
    -> impl Future<Output = Result<()>> + Send;

    /// Stops a host. Its markers are left unchanged.
    ///
    /// # Errors
    ///
    /// If the provider fails.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the host may or may not be stopped. The activity ends as `cancelled`.
    fn stop_host(&self, log: &ActivityLog, host: &Host) -> impl Future<Output = Result<()>> + Send;
}

/// Proof that an operation of a provider is recorded. Only [`HostProviderExt`] creates it.
#[derive(Debug)]
pub struct Work {
    activity: Activity,
}

impl Work {
    /// Returns the activity of the operation.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }
}

impl<P: HostProvider> HostProviderExt for P {
    async fn create_host(&self, log: &ActivityLog, name: &str) -> Result<Host> {
        let job = Job::start::<P>(log, "create_host", name);
        let work = job.work();
        let created = async {
            check_name(name)?;
            let host = self.create(&work, name).await?;
            let sources = &[ActivitySource::Create, ActivitySource::Boot];
            wait_for_marks(host.mark(log, sources, HostLock::None)).await;
            Ok(host)
        };
        job.record("host_created", created).await
    }

    async fn start_host(&self, log: &ActivityLog, host: &Host) -> Result<()> {
        let job = Job::start::<P>(log, "start_host", host.name());
        let work = job.work();
        let started = async {
            let mut boot = PendingBootMark {
                log,
                host,
                lock: Some(host.lock().await?),
            };
            // If the check fails the host is started: the error of the start is more useful.
            let started = match host.is_up().await {
                Ok(Some(true)) => Ok(()),
                _ => self.start(&work, host).await,
            };
            if started.as_ref().is_err_and(|error| !error.is_timeout()) {
                boot.lock = None;
            }
            if let Some(marking) = boot.mark() {
                wait_for_marks(marking).await;
            }
            started
        };
        job.record("host_started", started).await
    }

    async fn stop_host(&self, log: &ActivityLog, host: &Host) -> Result<()> {
        let job = Job::start::<P>(log, "stop_host", host.name());
        let work = job.work();
        // Not locked: a watcher that stops the host holds the lock already, and any other stop during a start is meant.
        let stopped = self.stop(&work, host);
        job.record("host_stopped", stopped).await
    }
}

mod sealed {
    /// Not nameable outside this crate.
    pub trait Sealed {}
    impl<P: super::HostProvider> Sealed for P {}
}

/// The BOOT marker of a start in progress. Writes the marker on drop, so that a cancelled start is marked too.
struct PendingBootMark<'a> {
    log: &'a ActivityLog,
    host: &'a Host,
    /// `None` once the marker is written, or after a failed start.
    lock: Option<HostLock>,
}

impl PendingBootMark<'_> {
    fn mark(&mut self) -> Option<JoinHandle<()>> {
        let lock = self.lock.take()?;
        Some(self.host.mark(self.log, &[ActivitySource::Boot], lock))
    }
}

impl Drop for PendingBootMark<'_> {
    fn drop(&mut self) {
        // Without a runtime no task can be spawned: it is shutting down.
        if Handle::try_current().is_ok() {
            self.mark();
        }
    }
}

/// Waits until markers are written. A failure, even a panic, does not fail the operation.
async fn wait_for_marks(marking: JoinHandle<()>) {
    if let Err(error) = marking.await {
        tracing::warn!(target: "tower_activity::host", %error, "cannot write a host's marker");
    }
}

/// The activity and the event of a provider's operation.
struct Job<'a> {
    log: &'a ActivityLog,
    running: ActivityGuard,
    host: Text,
    provider: &'static str,
}

impl<'a> Job<'a> {
    fn start<P>(log: &'a ActivityLog, name: &'static str, host: &str) -> Self {
        let provider = type_name::<P>();
        let describe = Describe::job(name)
            .attribute("host", host)
            .attribute("provider", provider);
        Job {
            log,
            running: log.start(describe),
            host: Text::from(host.to_owned()),
            provider,
        }
    }

    fn work(&self) -> Work {
        Work {
            activity: (*self.running).clone(),
        }
    }

    /// Runs `work` in the activity, and records its result as an event.
    async fn record<T>(
        self,
        event: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let recorded = async {
            let result = work.await;
            let event = self
                .log
                .event(event)
                .reference(self.host)
                .data(json!({"provider": self.provider}));
            match &result {
                Ok(_) => event.record(),
                Err(error) => event
                    .status(Status::Failed)
                    .summary(format_args!("{error:#}"))
                    .record(),
            };
            result
        };
        let outcome = |result: &Result<T>| match result {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed("host_error").with_message(format_args!("{error:#}")),
        };
        self.running.observe(recorded, outcome).await
    }
}

/// Checks that a host name is safe in a path, a command and an address.
pub(super) fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= MAX_NAME
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "invalid host name {name:?}: use at most {MAX_NAME} letters, digits, '-', '_' and '.', and neither \
         '-' nor '.' first"
    )))
}
