//! The writer threads: one for each file, whatever the number of logs that are open in it.

use std::{
    path::{Path, PathBuf},
    process,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    error::{Error, ErrorKind, Result},
    pipeline::{
        sync,
        worker::{Progress, Worker},
    },
    store::real,
};

/// The threads that write into files.
static WRITERS: Mutex<Vec<WriterThread>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct WriterThread {
    path: PathBuf,
    /// The child of a fork has a copy of this, and no such thread.
    process: u32,
    joining: Sender<Join>,
    thread: Thread,
}

/// A log that is opened.
struct Join {
    worker: Worker,
    opened: Sender<Result<()>>,
}

/// Hands a worker to the thread of its file, which is started where there is none. Returns once its store is open.
pub(crate) fn join(file: Option<&Path>, worker: Worker) -> Result<()> {
    let (opened, outcome) = mpsc::channel();
    let join = Join { worker, opened };
    match file {
        Some(file) => join_file(real(file), join)?,
        None => drop(start(None, join)?),
    }
    match outcome.recv() {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            ErrorKind::Store,
            "the writer thread died while it opened the store",
        )),
    }
}

fn join_file(path: PathBuf, join: Join) -> Result<()> {
    let mut writers = WRITERS.lock();
    writers.retain(|writer| writer.process == process::id());
    let mut join = join;
    if let Some(at) = writers.iter().position(|writer| writer.path == path) {
        match writers[at].joining.send(join) {
            Ok(()) => {
                writers[at].thread.unpark();
                return Ok(());
            }
            // The thread has panicked.
            Err(refused) => {
                join = refused.0;
                writers.remove(at);
            }
        }
    }
    let (joining, thread) = start(Some(path.clone()), join)?;
    writers.push(WriterThread {
        path,
        process: process::id(),
        joining,
        thread,
    });
    Ok(())
}

fn start(path: Option<PathBuf>, first: Join) -> Result<(Sender<Join>, Thread)> {
    let (joining, joined) = mpsc::channel();
    // The receiver is alive.
    let _ = joining.send(first);
    let started = thread::Builder::new()
        .name("activity-writer".into())
        .spawn(move || run(path.as_deref(), &joined));
    match started {
        Ok(handle) => Ok((joining, handle.thread().clone())),
        Err(cause) => {
            Err(Error::new(ErrorKind::Store, "cannot start the writer thread").with_source(cause))
        }
    }
}

fn run(path: Option<&Path>, joined: &Receiver<Join>) {
    let mut workers: Vec<Worker> = Vec::new();
    loop {
        workers.extend(joined.try_iter().filter_map(open));
        if workers.is_empty() {
            match last(path, joined) {
                Some(join) => workers.extend(open(join)),
                None => return,
            }
        }
        let mut rest = true;
        workers.retain_mut(|worker| match worker.run_once() {
            Progress::Again => {
                rest = false;
                true
            }
            Progress::Idle => true,
            Progress::Ended => false,
        });
        if rest && !workers.is_empty() {
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

/// Opens the store for a worker. `None` when that failed, or nobody waits for it any more.
fn open(mut join: Join) -> Option<Worker> {
    join.worker.set_thread(sync::current());
    let result = join.worker.open_writer();
    let is_open = result.is_ok();
    (join.opened.send(result).is_ok() && is_open).then_some(join.worker)
}

/// The last who has joined; `None` once nobody can any more.
fn last(path: Option<&Path>, joined: &Receiver<Join>) -> Option<Join> {
    path?;
    // Whoever joins holds this lock.
    let mut writers = WRITERS.lock();
    joined.try_recv().ok().or_else(|| {
        let own = thread::current().id();
        writers.retain(|writer| writer.thread.id() != own);
        None
    })
}
