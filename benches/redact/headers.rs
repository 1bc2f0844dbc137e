//! The time that a long header adds to a call: `ActivityLayer::http` records the user agent, which clients choose.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Waker},
};

use benches::{Failure, is_quick, print_ratio};
use http::{HeaderValue, Request, Response, header::USER_AGENT};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_activity::{ActivityLayer, ActivityLog};

use crate::{seconds, units};

const BYTES: usize = 300_000;

/// The most that a header may add to a call, in milliseconds.
const LIMIT: f64 = 1.0;

type Body = Empty<&'static [u8]>;

/// Prints the time that headers made of each unit add to a call, for units that are valid in headers.
///
/// # Errors
///
/// If one exceeds the limit.
pub(crate) fn print() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let log = ActivityLog::open(folder.path().join("activity.db"))?;
    let found = |request: Request<Body>| -> Ready<Result<Response<Body>, Infallible>> {
        black_box(request.headers());
        ready(Ok(Response::new(Body::new())))
    };
    let mut service = ActivityLayer::http(&log).layer(service_fn(found));
    let mut call = |agent: Option<&HeaderValue>| {
        let mut request = Request::new(Body::new());
        if let Some(agent) = agent {
            request.headers_mut().insert(USER_AGENT, agent.clone());
        }
        seconds(|| {
            let mut cx = Context::from_waker(Waker::noop());
            while service.poll_ready(&mut cx).is_pending() {}
            let mut future = pin!(service.call(request));
            while future.as_mut().poll(&mut cx).is_pending() {}
        })
    };
    let mut least =
        |agent: Option<&HeaderValue>| (0..5).map(|_| call(agent)).fold(f64::MAX, f64::min);
    let without = least(None);
    let mut worst = (0.0, String::new());
    for unit in units::units(if is_quick() { 20 } else { 400 }) {
        let text = unit.repeat(BYTES / unit.len() + 1);
        let Ok(agent) = HeaderValue::from_bytes(text.as_bytes()) else {
            continue;
        };
        let added = (least(Some(&agent)) - without) * 1e3;
        if added > worst.0 {
            worst = (added, unit);
        }
    }
    let (added, unit) = worst;
    println!("\na call                   {:8.4} ms", without * 1e3);
    println!("a header of 300 kB adds  {added:8.4} ms at most, of {unit:?}");
    print_ratio("redact_header_ms", added);
    log.shutdown().wait()?;
    if added > LIMIT {
        return Err(format!(
            "a header of {unit:?} adds {added:.2} ms to a call, more than {LIMIT}"
        )
        .into());
    }
    Ok(())
}
