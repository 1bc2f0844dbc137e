//! Calls a service many times, and measures the time.

use std::{
    hint::{black_box, spin_loop},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    task::{Context, Poll, Waker},
    time::Instant,
};

use axum::body::HttpBody;
use http::{Request, Response};
use tower::Service;

/// Runs a number of calls, and returns the nanoseconds per call.
pub(crate) type Burst = Box<dyn FnMut(usize) -> f64 + Send>;

/// Creates bursts of calls of a service, each to the end of its response. There is no executor: its cost would hide the
/// layer's.
pub(crate) fn bursts<S, B, R>(mut service: S, request: fn() -> Request<B>) -> Burst
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    B: 'static,
    R: HttpBody,
{
    Box::new(move |calls| {
        let start = Instant::now();
        measured(&mut service, request, calls);
        start.elapsed().as_nanos() as f64 / calls as f64
    })
}

/// Runs the calls. `callgrind.sh` counts the instructions in this function by its name.
#[inline(never)]
fn measured<S, B, R>(service: &mut S, request: fn() -> Request<B>, calls: usize)
where
    S: Service<Request<B>, Response = Response<R>>,
    R: HttpBody,
{
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..calls {
        while service.poll_ready(&mut cx).is_pending() {}
        let mut future = pin!(service.call(request()));
        loop {
            if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
                if let Ok(response) = black_box(result) {
                    read(response.into_body(), &mut cx);
                }
                break;
            }
        }
    }
}

/// Reads a body as a server does: not at all if it is empty, otherwise to its end.
fn read<R: HttpBody>(body: R, cx: &mut Context<'_>) {
    let mut body = pin!(body);
    while !body.is_end_stream() {
        if let Poll::Ready(None) = black_box(body.as_mut().poll_frame(cx)) {
            break;
        }
    }
}

/// A spinning barrier, so that the bursts of all threads start together.
#[derive(Debug)]
pub(crate) struct Start {
    threads: usize,
    arrived: AtomicUsize,
}

impl Start {
    pub(crate) fn new(threads: usize) -> Self {
        Start {
            threads,
            arrived: AtomicUsize::new(0),
        }
    }

    /// Waits until all threads have arrived as often as this one.
    pub(crate) fn together(&self) {
        if self.threads == 1 {
            return;
        }
        let goal = self.arrived.fetch_add(1, SeqCst) / self.threads * self.threads + self.threads;
        let mut turns = 0_u32;
        while self.arrived.load(SeqCst) < goal {
            turns += 1;
            if turns.is_multiple_of(1000) {
                std::thread::yield_now();
            }
            spin_loop();
        }
    }
}
