//! The cost of a call with and without a forwarder behind its log, in pairs.

use std::{
    convert::Infallible,
    path::Path,
    pin::pin,
    task::{Context, Waker},
    time::Instant,
};

use benches::{Failure, Spread, central::Server, print_ratio};
use tower::{Layer, Service, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Describe};

/// The number of calls in a burst.
const CALLS: usize = 2_000;
pub(crate) fn measure(server: &Server, folder: &Path, pairs: usize) -> Result<(), Failure> {
    let alone = ActivityLog::open(folder.join("alone.db"))?;
    let builder = ActivityLog::builder().forward_to(&*server.database());
    let forwarded = builder.open(folder.join("forwarded.db"))?;
    let mut spreads = [const { Vec::new() }; 2];
    let mut bursts = [burst(&alone), burst(&forwarded)];
    for pair in 0..pairs {
        // Each goes first as often as the other.
        for at in [pair % 2, 1 - pair % 2] {
            spreads[at].push(bursts[at]());
        }
        // Not measured.
        alone.flush().wait()?;
        forwarded.flush().wait()?;
    }
    drop(bursts);
    for log in [alone, forwarded] {
        let report = log.shutdown().wait()?;
        if report.activities.committed < (pairs * CALLS) as u64 {
            return Err(format!("not every call was recorded: {report:?}").into());
        }
    }
    let [alone, forwarded] = spreads.map(Spread::new);
    println!("\nns per call (quartiles): {alone} alone, {forwarded} forwarded");
    print_ratio("forward_call_vs_alone", forwarded.median / alone.median);
    Ok(())
}

/// Creates bursts of calls of a wrapped service. Each returns the nanoseconds per call.
fn burst(log: &ActivityLog) -> Box<dyn FnMut() -> f64> {
    let layer = ActivityLayer::new(log).describe(|_: &u32| Describe::tool("search"));
    let mut service = layer.layer(service_fn(|n: u32| {
        std::future::ready(Ok::<_, Infallible>(n))
    }));
    Box::new(move || {
        let mut cx = Context::from_waker(Waker::noop());
        let start = Instant::now();
        for n in 0..CALLS as u32 {
            while Service::<u32>::poll_ready(&mut service, &mut cx).is_pending() {}
            let mut call = pin!(service.call(n));
            while call.as_mut().poll(&mut cx).is_pending() {}
        }
        start.elapsed().as_nanos() as f64 / CALLS as f64
    })
}
