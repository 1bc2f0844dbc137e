//! The end of the server, and the signals that are passed on to it until then.

use std::{
    io,
    process::{Child, ExitStatus},
    sync::{Arc, OnceLock, mpsc::Sender},
    time::Instant,
};

#[cfg(unix)]
pub(super) use self::unix::{Forwarding, Signals};

/// There are none.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
pub(super) struct Forwarding;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn register() -> io::Result<Self> {
        Ok(Signals)
    }

    pub(super) fn forward(
        self,
        _: &Child,
        _: &Arc<OnceLock<Instant>>,
        _: Sender<()>,
    ) -> io::Result<Forwarding> {
        Ok(Forwarding)
    }
}

#[cfg(not(unix))]
impl Forwarding {
    pub(super) fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
        child.wait()
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        sync::{Mutex, PoisonError},
        thread,
    };

    use rustix::{
        io::retry_on_intr,
        process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
    };
    use signal_hook::{consts::signal, iterator};

    use super::{Arc, Child, ExitStatus, Instant, OnceLock, Sender, io};

    const ENDS: [(i32, Signal); 4] = [
        (signal::SIGINT, Signal::INT),
        (signal::SIGQUIT, Signal::QUIT),
        (signal::SIGTERM, Signal::TERM),
        (signal::SIGHUP, Signal::HUP),
    ];
    const OTHERS: [(i32, Signal); 2] = [
        (signal::SIGUSR1, Signal::USR1),
        (signal::SIGUSR2, Signal::USR2),
    ];

    /// Signals that are kept until there is a server.
    pub(in super::super) struct Signals(iterator::Signals);

    /// Passes signals on until the server has ended: then its process id may become that of another process.
    pub(in super::super) struct Forwarding(Arc<Mutex<Option<Pid>>>);

    impl Signals {
        pub(in super::super) fn register() -> io::Result<Self> {
            let numbers = ENDS.iter().chain(&OTHERS).map(|(number, _)| number);
            iterator::Signals::new(numbers).map(Signals)
        }

        /// Passes them on. Those that ask for the end set `closed`, and notify.
        pub(in super::super) fn forward(
            self,
            child: &Child,
            closed: &Arc<OnceLock<Instant>>,
            notify: Sender<()>,
        ) -> io::Result<Forwarding> {
            let Signals(mut signals) = self;
            let server = Arc::new(Mutex::new(Some(Pid::from_child(child))));
            let (of_thread, closed) = (server.clone(), closed.clone());
            let forward = move || {
                for number in signals.forever() {
                    if ENDS.iter().any(|(one, _)| *one == number) {
                        closed.get_or_init(Instant::now);
                        // The process may be about to end.
                        let _ = notify.send(());
                    }
                    // A terminal has sent these to the server, too.
                    let by_terminal = [signal::SIGINT, signal::SIGQUIT].contains(&number);
                    if by_terminal && is_in_foreground() {
                        continue;
                    }
                    let mut all = ENDS.iter().chain(&OTHERS);
                    let signal = all.find(|(one, _)| *one == number);
                    let server = of_thread.lock().unwrap_or_else(PoisonError::into_inner);
                    if let (Some(server), Some((_, signal))) = (*server, signal) {
                        // It may have ended.
                        let _ = kill_process(server, *signal);
                    }
                }
            };
            thread::Builder::new()
                .name("proxy-signals".into())
                .spawn(forward)?;
            Ok(Forwarding(server))
        }
    }

    impl Forwarding {
        /// Waits for the end of the server.
        pub(in super::super) fn wait(&self, child: &mut Child) -> io::Result<ExitStatus> {
            let id = WaitId::Pid(Pid::from_child(child));
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // If it fails, so does the next call.
            let _ = retry_on_intr(|| waitid(id.clone(), options));
            let mut server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *server = None;
            child.wait()
        }
    }

    /// True if a terminal sends its signals to this process and its children.
    fn is_in_foreground() -> bool {
        let terminal = std::fs::File::open("/dev/tty").ok();
        let group = terminal.and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        group == Some(rustix::process::getpgrp())
    }
}
