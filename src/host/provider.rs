//! What provides hosts: three pieces of work to write, and one path around them that records.

use std::{any::type_name, future::Future};

use serde_json::json;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    activity::{Activity, ActivityGuard, Describe},
    error::{Error, Result},
    host::{ActivitySource, Host, handle::Gate},
    log::ActivityLog,
    record::{Outcome, Status, Text},
};

/// The longest name of a host, in bytes: that of a label in a domain name.
const LONGEST_NAME: usize = 63;

/// What provides hosts: creates, starts and stops them.
///
/// These three methods are all that a provider writes, and nobody calls them but
/// [`HostProviderExt`], which every provider has and none can write: only there is a [`Work`] made. What has to be
/// recorded around them is recorded there, once, for all. Where it can be asked whether a host is up, the host is made
/// with [`Host::up_when`].
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
/// The recorded path cannot be replaced by a provider's own, as every provider has it already:
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
/// Nor can it be passed by, as nobody outside can make a [`Work`]:
///
/// ```compile_fail,E0451
/// use tower_activity::{Activity, host::Work};
///
/// let work = Work { activity: Activity::current() };
/// ```
pub trait HostProvider: Send + Sync {
    /// Makes a host of this name and brings it up.
    ///
    /// # Errors
    ///
    /// When it could not be made. Nothing is left of it then.
    fn create(&self, work: &Work, name: &str) -> impl Future<Output = Result<Host>> + Send;

    /// Brings up a host that was stopped. Not called for one that [`Host::is_up`] says is up; where that cannot be
    /// asked, one that is up has to be left as it is.
    ///
    /// # Errors
    ///
    /// When it could not be brought up.
    fn start(&self, work: &Work, host: &Host) -> impl Future<Output = Result<()>> + Send;

    /// Stops a host, so that it can be started again. One that is stopped is left as it is.
    ///
    /// # Errors
    ///
    /// When it could not be stopped.
    fn stop(&self, work: &Work, host: &Host) -> impl Future<Output = Result<()>> + Send;
}

/// The recorded path around every provider: the only way to its work.
///
/// Each call is an activity of kind `job` (`create_host`, `start_host`, `stop_host`) and an event (`host_created`,
/// `host_started`, `host_stopped`) of status success or failed, whose reference is the host's name. A marker that
/// cannot be written does not fail the host: it is an event `host_mark_failed`, and counted by [`Host::mark_failures`].
pub trait HostProviderExt: HostProvider + sealed::Sealed {
    /// Creates a host, and records CREATE and BOOT on it.
    ///
    /// # Errors
    ///
    /// When the name cannot be used (at most 63 letters, digits, `-`, `_` and `.`, neither `-` nor `.` first), and when
    /// the provider fails.
    ///
    /// # Cancel safety
    ///
    /// A host that the provider is just making may be left, unmarked. One that it has made is marked all the same. The
    /// activity ends as `cancelled`.
    fn create_host(
        &self,
        log: &ActivityLog,
        name: &str,
    ) -> impl Future<Output = Result<Host>> + Send;

    /// Starts a host that was stopped, and records BOOT on it. Waits while a watcher is just stopping it. One that
    /// [`Host::is_up`] says is up is not started again; BOOT is recorded, as somebody may have started it elsewhere.
    ///
    /// # Errors
    ///
    /// When the provider fails, and when a watcher takes a minute to stop the host. A start that took too long
    /// (`is_timeout`) may have worked: BOOT is recorded then too.
    ///
    /// # Cancel safety
    ///
    /// The host may have been started or not. BOOT is recorded all the same, so that no watcher finds it idle at once.
    /// The activity ends as `cancelled`.
    fn start_host(&self, log: &ActivityLog, host: &Host)
    -> impl Future<Output = Result<()>> + Send;

    /// Stops a host. Its markers stay as they are.
    ///
    /// # Errors
    ///
    /// When the provider fails.
    ///
    /// # Cancel safety
    ///
    /// None: the host may be stopped or not. The activity ends as `cancelled`.
    fn stop_host(&self, log: &ActivityLog, host: &Host) -> impl Future<Output = Result<()>> + Send;
}

/// Says that a piece of a provider's work is on record. Only [`HostProviderExt`] makes one.
#[derive(Debug)]
pub struct Work {
    activity: Activity,
}

impl Work {
    /// The activity that the work runs inside of.
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
            finish(host.mark(log, sources, Gate::None)).await;
            Ok(host)
        };
        job.record("host_created", created).await
    }

    async fn start_host(&self, log: &ActivityLog, host: &Host) -> Result<()> {
        let job = Job::start::<P>(log, "start_host", host.name());
        let work = job.work();
        let started = async {
            let mut boot = Boot {
                log,
                host,
                gate: Some(host.gate().await?),
            };
            // A host that cannot be asked is started: that says what is wrong with it.
            let started = match host.is_up().await {
                Ok(Some(true)) => Ok(()),
                _ => self.start(&work, host).await,
            };
            if started.as_ref().is_err_and(|error| !error.is_timeout()) {
                boot.gate = None;
            }
            if let Some(marking) = boot.mark() {
                finish(marking).await;
            }
            started
        };
        job.record("host_started", started).await
    }

    async fn stop_host(&self, log: &ActivityLog, host: &Host) -> Result<()> {
        let job = Job::start::<P>(log, "stop_host", host.name());
        let work = job.work();
        // No gate: a watcher that stops the host holds it already, and who else stops what just starts wants it so.
        let stopped = self.stop(&work, host);
        job.record("host_stopped", stopped).await
    }
}

mod sealed {
    /// Nobody outside can name it.
    pub trait Sealed {}
    impl<P: super::HostProvider> Sealed for P {}
}

/// That BOOT is still to be recorded, once a start has begun; also where nobody waits for it any more.
struct Boot<'a> {
    log: &'a ActivityLog,
    host: &'a Host,
    /// `None` where there is nothing to record, or not any more.
    gate: Option<Gate>,
}

impl Boot<'_> {
    fn mark(&mut self) -> Option<JoinHandle<()>> {
        let gate = self.gate.take()?;
        Some(self.host.mark(self.log, &[ActivitySource::Boot], gate))
    }
}

impl Drop for Boot<'_> {
    fn drop(&mut self) {
        // A runtime that shuts down has ended all of its tasks, this one included.
        if Handle::try_current().is_ok() {
            self.mark();
        }
    }
}

/// Waits for marks. They fail no host, not even where they panic.
async fn finish(marking: JoinHandle<()>) {
    if let Err(error) = marking.await {
        tracing::warn!(target: "tower_activity::host", %error, "a host went unmarked");
    }
}

/// What is recorded of a piece of work.
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

    /// Does the work inside of the activity, and tells of its end in an event of it.
    async fn record<T>(
        self,
        event: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let told_of = async {
            let done = work.await;
            let event = self
                .log
                .event(event)
                .reference(self.host)
                .data(json!({"provider": self.provider}));
            match &done {
                Ok(_) => event.record(),
                Err(error) => event
                    .status(Status::Failed)
                    .summary(format_args!("{error:#}"))
                    .record(),
            };
            done
        };
        let outcome = |done: &Result<T>| match done {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::failed("host_error").with_message(format_args!("{error:#}")),
        };
        self.running.observe(told_of, outcome).await
    }
}

/// Looks that a name can be part of a path, a command and an address.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() <= LONGEST_NAME
        && name.chars().all(fine)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "cannot call a host {name:?}: use at most {LONGEST_NAME} letters, digits, '-', '_' and '.', and neither \
         '-' nor '.' first"
    )))
}
