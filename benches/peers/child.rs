//! One peer under one fault, in a process of its own: makes the calls, measures them, and ends as the peer documents.

use std::{
    convert::Infallible,
    fs::{self, File},
    future::{Future, poll_fn},
    io::{BufRead, Write, stdin, stdout},
    os::unix::fs::FileExt,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{Request, Response};
use http_body_util::Empty;
use tokio::runtime::{Builder, Runtime};
use tower::Service;

use crate::{
    Failure,
    plan::{Fault, Plan},
};

/// The pause between bursts of calls that are due.
const TICK: Duration = Duration::from_millis(1);

pub(crate) type Body = Empty<&'static [u8]>;

/// A call on its way; true if it is answered as by the bare service.
pub(crate) type Call = Pin<Box<dyn Future<Output = bool>>>;

/// A service under a peer's layer or wrapper.
pub(crate) trait Peer {
    fn call(&mut self) -> Call;

    /// Ends as documented. Returns what the peer itself counted as lost; `None` if it has no such counter.
    fn end(self: Box<Self>, runtime: &Runtime) -> Ended;
}

/// The end of a peer.
pub(crate) struct Ended {
    pub(crate) counted: Option<u64>,
    /// The result of the shutdown, in a few words.
    pub(crate) result: String,
}

impl Ended {
    pub(crate) fn new<E: std::fmt::Display>(counted: Option<u64>, result: Result<(), E>) -> Self {
        let result = result.map_or_else(|error| error.to_string(), |()| "ok".into());
        Ended { counted, result }
    }
}

/// Where a run takes place.
pub(crate) struct Place {
    pub(crate) fault: Fault,
    pub(crate) plan: Plan,
    /// The sink: a database, a file or pipe of lines, or a file with the address of a server.
    pub(crate) sink: PathBuf,
}

impl Place {
    /// The service that is recorded.
    pub(crate) fn service(&self) -> Inner {
        Inner(self.fault)
    }

    /// The time that the sink takes for a record, if it is a slow one.
    pub(crate) fn slow(&self) -> Option<Duration> {
        (self.fault == Fault::Overload).then(|| self.plan.slow())
    }
}

/// The service: responds, never responds, or panics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inner(Fault);

impl<B> Service<Request<B>> for Inner {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = InnerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> InnerFuture {
        InnerFuture(self.0)
    }
}

/// The future of [`Inner`].
#[derive(Debug)]
pub(crate) struct InnerFuture(Fault);

impl Future for InnerFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0 {
            Fault::Cancelled => Poll::Pending,
            Fault::Panics => panic!("the tool is broken"),
            _ => Poll::Ready(Ok(Response::new(Body::new()))),
        }
    }
}

/// Calls a service that is always ready.
pub(crate) fn call<S, R>(service: &mut S) -> Call
where
    S: Service<Request<Body>, Response = Response<R>, Error: 'static, Future: 'static>,
    R: 'static,
{
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let _ = service.poll_ready(&mut cx);
    let mut request = Request::new(Body::new());
    *request.uri_mut() = http::Uri::from_static("/tools/search");
    let future = service.call(request);
    Box::pin(async move { future.await.is_ok_and(|answer| answer.status() == 200) })
}

/// Runs a peer in `folder`, and talks about it with the parent: each line `at <fault>` waits for an answer.
pub(crate) fn run(
    fault: &str,
    folder: &Path,
    sink: &Path,
    build: impl FnOnce(Arc<Place>, &Runtime) -> Result<Box<dyn Peer>, Failure>,
) -> Result<(), Failure> {
    std::panic::set_hook(Box::new(|_| ()));
    let fault = Fault::parse(fault).ok_or_else(|| format!("there is no fault {fault:?}"))?;
    let plan = Plan::new();
    let place = Arc::new(Place {
        fault,
        plan,
        sink: sink.to_owned(),
    });
    // As a program has it: some peers start tasks of their own.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let mut calls = Calls {
        peer: build(place, &runtime)?,
        fault,
        rate: plan.rate,
        made: 0,
        unanswered: 0,
        times: Vec::new(),
        progress: File::create(folder.join("progress"))?,
    };
    if !matches!(fault, Fault::Cancelled | Fault::Panics) {
        runtime.block_on(calls.make(plan.before));
    }
    calls.times.clear();
    ask("fault")?;
    runtime.block_on(calls.make(plan.during));
    let mut times = std::mem::take(&mut calls.times);
    times.sort_unstable();
    ask("healed")?;
    if fault == Fault::DiskFull {
        runtime.block_on(calls.make(plan.after));
    }
    let at = |share: f64| {
        let index = (times.len().saturating_sub(1) as f64 * share).round() as usize;
        times.get(index).copied().unwrap_or_default().as_nanos()
    };
    let [p50, p99, longest] = [0.5, 0.99, 1.0].map(at);
    let (made, unanswered, peak) = (calls.made, calls.unanswered, peak()?);
    say(&format!(
        "called {made} {unanswered} {p50} {p99} {longest} {peak}"
    ))?;
    let start = Instant::now();
    let ended = calls.peer.end(&runtime);
    let took = start.elapsed().as_millis();
    let counted = ended
        .counted
        .map_or("-".to_owned(), |count| count.to_string());
    say(&format!(
        "ended {took} {counted} {}",
        ended.result.replace('\n', " ")
    ))?;
    // Threads that wait for a stuck sink end with the process.
    std::process::exit(0)
}

struct Calls {
    peer: Box<dyn Peer>,
    fault: Fault,
    rate: u32,
    made: u64,
    unanswered: u64,
    times: Vec<Duration>,
    /// Holds the number of calls, for a parent that kills this process.
    progress: File,
}

impl Calls {
    /// Makes calls at the rate for a time. Calls that were late are made up for.
    async fn make(&mut self, time: Duration) {
        let (start, before) = (Instant::now(), self.made);
        while start.elapsed() < time {
            let due = before + (start.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            while self.made < due && start.elapsed() < time {
                let begin = Instant::now();
                let answered = self.one().await;
                self.times.push(begin.elapsed());
                self.made += 1;
                self.unanswered += u64::from(!answered);
                if self.fault == Fault::Kill {
                    // A number that cannot be written is one call behind.
                    let _ = self.progress.write_at(&self.made.to_le_bytes(), 0);
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Makes a call. Returns true if the caller gets what it gets without a peer.
    async fn one(&mut self) -> bool {
        let mut call = self.peer.call();
        match self.fault {
            Fault::Cancelled => {
                poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await
            }
            Fault::Panics => {
                poll_fn(|cx| {
                    let polled = AssertUnwindSafe(|| call.as_mut().poll(cx));
                    Poll::Ready(std::panic::catch_unwind(polled).is_err())
                })
                .await
            }
            _ => call.await,
        }
    }
}

/// Returns the peak of this process' memory in bytes, from Linux's `/proc`.
fn peak() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

fn say(line: &str) -> Result<(), Failure> {
    println!("{line}");
    Ok(stdout().flush()?)
}

/// Tells the parent that a phase begins, and waits until it has prepared it.
fn ask(phase: &str) -> Result<(), Failure> {
    say(&format!("at {phase}"))?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "go" => Ok(()),
        other => Err(format!("expected `go`, got {other:?}").into()),
    }
}
