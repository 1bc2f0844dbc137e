//! The server's process, from its start to its end.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::Child,
    sync::{
        Arc, OnceLock,
        mpsc::{self, Receiver, Sender},
    },
    time::Instant,
};

use tower_activity::mcp::Tap;

use super::{
    bound,
    signals::{Forwarding, Signals},
    status::Ended,
    stream::{self, ClientOutput, CopyEnd, Passing, Progress, Stream},
};
use crate::failure::Failure;

/// A server that runs.
pub(super) struct Running {
    child: Child,
    signals: Forwarding,
    /// When the client has closed the connection, or asked for the end.
    closed: Arc<OnceLock<Instant>>,
    /// The end of the server's input or output, or a signal that asks for the end.
    notify: Sender<()>,
    notified: Receiver<()>,
}

impl Running {
    /// Starts the server.
    pub(super) fn start(command: &[OsString]) -> Result<Self, Failure> {
        let (program, arguments) = command.split_first().ok_or_else(|| {
            Failure::Usage(String::from("name the command of a server after `--`"))
        })?;
        // Before there is a server: one that comes at once is for it, too.
        let signals = Signals::register()?;
        let child = bound::spawn(program, arguments)
            .map_err(|cause| bound::cannot_start(program, &cause))?;
        let closed = Arc::new(OnceLock::new());
        let (notify, notified) = mpsc::channel();
        let signals = signals.forward(&child, &closed, notify.clone())?;
        Ok(Running {
            child,
            signals,
            closed,
            notify,
            notified,
        })
    }

    /// Passes on all three streams until the server has ended.
    pub(super) fn pass_on(self, tap: &Tap) -> io::Result<Ended> {
        let Running {
            mut child,
            signals,
            closed,
            notify,
            notified,
        } = self;
        // Taken once, just here.
        let mut input = child.stdin.take().expect("the input is a pipe");
        let mut output = child.stdout.take().expect("the output is a pipe");
        let errors = child.stderr.take().expect("the errors are a pipe");

        let client = Arc::new(ClientOutput::new(tap)?);
        let mut passing = Passing::of_client(tap);
        let (by_client, answers) = (closed.clone(), client.clone());
        let ended = notify.clone();
        // Ends with the process: it may wait for a client that sends nothing.
        stream::spawn("proxy-client", move || {
            let mut pass = |bytes: Option<&[u8]>| -> io::Result<()> {
                input.write_all(passing.pass(bytes))?;
                answers.send_answers();
                Ok(())
            };
            let mut from = io::stdin().lock();
            let copied = stream::copy(&mut from, &Progress::default(), &mut pass);
            // Otherwise the server has closed its input.
            if copied == CopyEnd::Input {
                by_client.get_or_init(Instant::now);
            }
            // The receiver may be gone.
            let _ = ended.send(());
        })?;
        let by_client = closed.clone();
        let output = Stream::spawn("proxy-server", move |progress| {
            let copied = stream::copy(&mut output, progress, |bytes| client.pass(bytes));
            // The client does not read any more.
            if copied == CopyEnd::Output {
                by_client.get_or_init(Instant::now);
            }
            let _ = notify.send(());
        })?;
        let tap = tap.clone();
        let errors = Stream::spawn("proxy-errors", move |progress| {
            stream::pass_errors(errors, &tap, progress);
        })?;

        let status = signals.wait(&mut child)?;
        if status.success() {
            // A launcher may have started the process that serves: the connection lasts until that or the client closes it.
            let _ = notified.recv();
        }
        // A process that it has started may go on writing.
        [output, errors].iter().for_each(Stream::wait);
        Ok(Ended::new(status, closed.get().copied()))
    }
}
