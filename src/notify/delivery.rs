//! The threads that deliver.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    notify::{Webhooks, follower::Follower, stop::Stop},
};

/// How often it is looked whether webhooks were added, and whether another process has ended that delivered.
const EVERY: Duration = Duration::from_millis(500);

/// Webhooks that are being delivered, until this is dropped.
///
/// Dropping it waits for nothing: what is on its way to a receiver just then may be sent again by whoever delivers next.
#[derive(Debug)]
#[must_use = "nothing is delivered once this is dropped"]
pub struct Delivery {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Webhooks {
    /// Delivers, on threads of its own, until what it gives is dropped. Where another process does already, it waits for
    /// that to end.
    pub fn deliver(&self) -> Delivery {
        let stop = Arc::new(Stop::default());
        let (webhooks, own) = (self.clone(), stop.clone());
        let started = thread::Builder::new()
            .name("activity-webhooks".into())
            .spawn(move || supervise(&webhooks, &own));
        if let Err(error) = &started {
            tracing::error!(
                target: "tower_activity::notify", %error,
                "no thread can be started: webhooks are not delivered"
            );
        }
        Delivery {
            stop,
            thread: started.ok(),
        }
    }
}

impl Delivery {
    /// Stops, and waits for what is on its way, no longer than a receiver may take for its answer.
    pub fn stop(mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of its own was told already.
            let _ = thread.join();
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Keeps a thread for each webhook, as soon as no other process does.
fn supervise(webhooks: &Webhooks, stop: &Arc<Stop>) {
    let mut lock = None;
    let mut threads = HashMap::<String, JoinHandle<()>>::new();
    let mut told = false;
    loop {
        let looked = look(webhooks, stop, &mut lock, &mut threads);
        if let Err(error) = &looked
            && !told
        {
            tracing::warn!(
                target: "tower_activity::notify", %error,
                "webhooks cannot be delivered yet"
            );
        }
        told = looked.is_err();
        if stop.wait(EVERY) {
            break;
        }
    }
    for thread in threads.into_values() {
        // A panic of its own was told already.
        let _ = thread.join();
    }
}

fn look(
    webhooks: &Webhooks,
    stop: &Arc<Stop>,
    lock: &mut Option<File>,
    threads: &mut HashMap<String, JoinHandle<()>>,
) -> Result<()> {
    // Where nothing was ever added there is nothing to look after, and no file is made.
    if !webhooks.file.exists()? {
        return Ok(());
    }
    if lock.is_none() {
        *lock = take(&webhooks.file.lock_path())?;
    }
    if lock.is_none() {
        return Ok(());
    }
    threads.retain(|_, thread| !thread.is_finished());
    for name in webhooks.file.open()?.names()? {
        if threads.contains_key(&name) {
            continue;
        }
        let (follower, own, of) = (Follower::of(webhooks), stop.clone(), name.clone());
        let thread = thread::Builder::new()
            .name("activity-webhook".into())
            .spawn(move || follower.run(&of, &own));
        threads.insert(
            name,
            thread.map_err(|cause| {
                Error::store("cannot start a thread for a webhook").with_source(cause)
            })?,
        );
    }
    Ok(())
}

/// The lock that says who delivers; `None` while another process has it. The kernel gives it back when that dies.
fn take(path: &Path) -> Result<Option<File>> {
    let failed = |cause: io::Error| {
        let what = format!("cannot lock the webhooks by {}", path.display());
        Error::store(what).with_source(cause)
    };
    let file = open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Opens the lock file, which is its owner's alone: whoever can open it can keep others from delivering.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Versions before this one made it with the mode of the umask.
        if file.metadata()?.permissions().mode() & 0o777 != 0o600 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}
