//! The delivery threads.

use std::{
    collections::HashMap,
    fs::File,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    notify::{Webhooks, follower::Follower, stop::StopSignal},
    store::lock_file,
};

/// Interval of the checks for new webhooks, and for the lock while another process delivers.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A running delivery, until it is dropped.
///
/// Dropping it does not block. A message in flight is not recorded as delivered, so the next delivery may send it again.
#[derive(Debug)]
#[must_use = "dropping it stops the delivery"]
pub struct Delivery {
    stop: Arc<StopSignal>,
    thread: Option<JoinHandle<()>>,
}

impl Webhooks {
    /// Delivers on threads of its own until the returned handle is dropped. While another process delivers, it waits for that
    /// to end.
    pub fn deliver(&self) -> Delivery {
        let stop = Arc::new(StopSignal::default());
        let (webhooks, signal) = (self.clone(), stop.clone());
        let started = thread::Builder::new()
            .name("activity-webhooks".into())
            .spawn(move || supervise(&webhooks, &signal));
        if let Err(error) = &started {
            tracing::error!(
                target: "tower_activity::notify", %error,
                "could not start a thread: webhooks are not delivered"
            );
        }
        Delivery {
            stop,
            thread: started.ok(),
        }
    }
}

impl Delivery {
    /// Stops, and waits for messages in flight, at most for the [timeout](Webhooks::timeout) of a request.
    pub fn stop(mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Runs a thread per webhook while this process holds the lock.
fn supervise(webhooks: &Webhooks, stop: &Arc<StopSignal>) {
    let mut lock = None;
    let mut threads = HashMap::<String, JoinHandle<()>>::new();
    let mut failing = false;
    loop {
        let result = poll(webhooks, stop, &mut lock, &mut threads);
        // Only the first of consecutive failures.
        if let Err(error) = &result
            && !failing
        {
            tracing::warn!(
                target: "tower_activity::notify", %error,
                "cannot deliver webhooks; will retry"
            );
        }
        failing = result.is_err();
        if stop.wait(POLL_INTERVAL) {
            break;
        }
    }
    for thread in threads.into_values() {
        // The panic hook has already reported a panic.
        let _ = thread.join();
    }
}

/// Takes the lock if it is free, and starts threads for new webhooks.
fn poll(
    webhooks: &Webhooks,
    stop: &Arc<StopSignal>,
    lock: &mut Option<File>,
    threads: &mut HashMap<String, JoinHandle<()>>,
) -> Result<()> {
    // Opening the file would create it.
    if !webhooks.file.exists()? {
        return Ok(());
    }
    if lock.is_none() {
        *lock = lock_file::try_lock(&webhooks.file.lock_path())?;
    }
    if lock.is_none() {
        return Ok(());
    }
    threads.retain(|_, thread| !thread.is_finished());
    for name in webhooks.file.open()?.names()? {
        if threads.contains_key(&name) {
            continue;
        }
        let (follower, signal) = (Follower::new(webhooks), stop.clone());
        let webhook = name.clone();
        let thread = thread::Builder::new()
            .name("activity-webhook".into())
            .spawn(move || follower.run(&webhook, &signal));
        threads.insert(
            name,
            thread.map_err(|cause| {
                Error::store("could not start a thread for a webhook").with_source(cause)
            })?,
        );
    }
    Ok(())
}
