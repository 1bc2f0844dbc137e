//! Writer threads: one per file, shared by all logs that are open in it.

use std::{
    path::{Path, PathBuf},
    process,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::Mutex;

#[cfg(feature = "testing")]
use crate::pipeline::passes;
use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{
        sync,
        worker::{Progress, Worker},
    },
    store::canonical_path,
};

/// The writer threads of files in this process.
static WRITERS: Mutex<Vec<WriterThread>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct WriterThread {
    path: PathBuf,
    /// The process that started it: the child of a fork has a copy of this entry, and no thread.
    process: u32,
    requests: Sender<OpenRequest>,
    thread: Thread,
}

/// A request to open the store of a log, and to write for it.
struct OpenRequest {
    worker: Worker,
    opened: Sender<Result<()>>,
}

/// Hands a worker to the writer thread of its file, and starts the thread if there is none. Returns once the store is
/// open.
pub(crate) fn open(file: Option<&Path>, worker: Worker) -> Result<()> {
    let (opened, outcome) = mpsc::channel();
    let request = OpenRequest { worker, opened };
    match file {
        Some(file) => open_in_file(canonical_path(file), request)?,
        None => drop(start(None, request)?),
    }
    match outcome.recv() {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            ErrorKind::Store,
            "the writer thread died while it opened the store",
        )),
    }
}

fn open_in_file(path: PathBuf, mut request: OpenRequest) -> Result<()> {
    let mut writers = WRITERS.lock();
    writers.retain(|writer| writer.process == process::id());
    if let Some(at) = writers.iter().position(|writer| writer.path == path) {
        match writers[at].requests.send(request) {
            Ok(()) => {
                writers[at].thread.unpark();
                return Ok(());
            }
            // The thread has panicked.
            Err(unsent) => {
                request = unsent.0;
                writers.remove(at);
            }
        }
    }
    let (requests, thread) = start(Some(path.clone()), request)?;
    writers.push(WriterThread {
        path,
        process: process::id(),
        requests,
        thread,
    });
    Ok(())
}

fn start(path: Option<PathBuf>, first: OpenRequest) -> Result<(Sender<OpenRequest>, Thread)> {
    let (sender, receiver) = mpsc::channel();
    // Cannot fail: the receiver is alive.
    let _ = sender.send(first);
    let started = thread::Builder::new()
        .name("activity-writer".into())
        .spawn(move || run(path.as_deref(), &receiver));
    match started {
        Ok(handle) => Ok((sender, handle.thread().clone())),
        Err(cause) => {
            Err(Error::new(ErrorKind::Store, "cannot start the writer thread").with_source(cause))
        }
    }
}

fn run(path: Option<&Path>, requests: &Receiver<OpenRequest>) {
    let mut workers: Vec<Worker> = Vec::new();
    loop {
        workers.extend(requests.try_iter().filter_map(open_worker));
        if workers.is_empty() {
            match last_request(path, requests) {
                Some(request) => workers.extend(open_worker(request)),
                None => return,
            }
        }
        let mut all_idle = true;
        workers.retain_mut(|worker| match worker.run_once() {
            Progress::Again => {
                all_idle = false;
                true
            }
            Progress::Idle => true,
            Progress::Ended => false,
        });
        #[cfg(feature = "testing")]
        passes::announce();
        if all_idle && !workers.is_empty() {
            let pauses: Vec<_> = workers.iter_mut().map(Worker::pause).collect();
            match pauses.into_iter().flatten().min() {
                Some(Duration::ZERO) => {}
                Some(pause) => thread::park_timeout(pause),
                None => thread::park(),
            }
            workers.iter().for_each(Worker::awake);
        }
    }
}

/// Opens the store for a worker. `None` if that fails, or if the caller is gone.
fn open_worker(mut request: OpenRequest) -> Option<Worker> {
    request.worker.set_thread(sync::current());
    let result = request.worker.open_writer();
    let is_open = result.is_ok();
    (request.opened.send(result).is_ok() && is_open).then_some(request.worker)
}

/// Returns a request that arrived last; `None` after the thread was taken off the list, so that no other can arrive.
fn last_request(path: Option<&Path>, requests: &Receiver<OpenRequest>) -> Option<OpenRequest> {
    path?;
    // Requests are sent under this lock.
    let mut writers = WRITERS.lock();
    requests.try_recv().ok().or_else(|| {
        let own = thread::current().id();
        writers.retain(|writer| writer.thread.id() != own);
        None
    })
}
