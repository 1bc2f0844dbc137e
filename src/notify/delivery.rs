//! The delivery threads.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    notify::{
        Webhooks,
        follower::Follower,
        lease::Lease,
        state::{State, StatePlace},
        stop::StopSignal,
    },
    store::OutageWatch,
};

/// Interval of the checks for new webhooks, and for the lease while another process delivers.
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

/// Runs a thread per webhook while this process may deliver.
fn supervise(webhooks: &Webhooks, stop: &Arc<StopSignal>) {
    let lease = match Lease::new(webhooks.settings.timeout) {
        Ok(lease) => Arc::new(lease),
        Err(error) => {
            tracing::error!(target: "tower_activity::notify", %error, "webhooks are not delivered");
            return;
        }
    };
    let mut state = None;
    let mut threads = HashMap::<String, JoinHandle<()>>::new();
    let mut outages = OutageWatch::new(webhooks.outages.clone());
    loop {
        let result = poll(webhooks, stop, &lease, &mut state, &mut threads);
        match result {
            Ok(()) => {
                outages.succeeded(|| waiting(webhooks).ok());
            }
            Err(error) => {
                if outages.failed(&error, POLL_INTERVAL) {
                    tracing::warn!(
                        target: "tower_activity::notify", %error,
                        "cannot deliver webhooks; will retry"
                    );
                }
            }
        }
        if stop.wait(POLL_INTERVAL) {
            break;
        }
    }
    for thread in threads.into_values() {
        // The panic hook has already reported a panic.
        let _ = thread.join();
    }
    lease.release(&webhooks.place);
}

/// Returns the number of records that webhooks have yet to send or to skip.
fn waiting(webhooks: &Webhooks) -> Result<u64> {
    let all = webhooks.list()?;
    Ok(all.iter().map(|one| one.behind).sum())
}

/// Takes the lease if it is free, or renews it, and starts threads for new webhooks.
fn poll(
    webhooks: &Webhooks,
    stop: &Arc<StopSignal>,
    lease: &Arc<Lease>,
    kept: &mut Option<State>,
    threads: &mut HashMap<String, JoinHandle<()>>,
) -> Result<()> {
    let state = match kept.take() {
        Some(state) => Some(state),
        // Opening a file would create it.
        None => webhooks.place.open_existing()?,
    };
    let Some(mut state) = state else {
        return Ok(());
    };
    threads.retain(|_, thread| !thread.is_finished());
    if lease.take(&webhooks.place, &mut state)? {
        start(webhooks, stop, lease, &mut state, threads)?;
    }
    // A connection is kept. A file may be replaced.
    *kept = matches!(webhooks.place, StatePlace::Central(_)).then_some(state);
    Ok(())
}

/// Starts a thread for each webhook that has none.
fn start(
    webhooks: &Webhooks,
    stop: &Arc<StopSignal>,
    lease: &Arc<Lease>,
    state: &mut State,
    threads: &mut HashMap<String, JoinHandle<()>>,
) -> Result<()> {
    for name in state.names()? {
        if threads.contains_key(&name) {
            continue;
        }
        let (follower, signal) = (Follower::new(webhooks, Some(lease.clone())), stop.clone());
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
