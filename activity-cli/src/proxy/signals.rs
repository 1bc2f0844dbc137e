//! Signals that are passed on to the server, whose end is then ours.

use std::{
    io,
    process::Child,
    sync::{Arc, atomic::AtomicBool},
};

#[cfg(unix)]
pub(super) use self::unix::Signals;

/// There are none.
#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn register() -> io::Result<Self> {
        Ok(Signals)
    }

    pub(super) fn forward(self, _: &Child, _: &Arc<AtomicBool>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
mod unix {
    use std::{sync::atomic::Ordering::Relaxed, thread};

    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::{consts::signal, iterator};

    use super::{Arc, AtomicBool, Child, io};

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

    impl Signals {
        pub(in super::super) fn register() -> io::Result<Self> {
            let numbers = ENDS.iter().chain(&OTHERS).map(|(number, _)| number);
            iterator::Signals::new(numbers).map(Signals)
        }

        /// Passes them on. Those that ask for the end set `is_closed`.
        pub(in super::super) fn forward(
            self,
            child: &Child,
            is_closed: &Arc<AtomicBool>,
        ) -> io::Result<()> {
            let Signals(mut signals) = self;
            let (pid, is_closed) = (Pid::from_child(child), is_closed.clone());
            let forward = move || {
                for number in signals.forever() {
                    let is_end = ENDS.iter().any(|(one, _)| *one == number);
                    is_closed.fetch_or(is_end, Relaxed);
                    // A terminal has sent these to the server, too.
                    let by_terminal = [signal::SIGINT, signal::SIGQUIT].contains(&number);
                    if by_terminal && is_in_foreground() {
                        continue;
                    }
                    let mut all = ENDS.iter().chain(&OTHERS);
                    if let Some((_, signal)) = all.find(|(one, _)| *one == number) {
                        // It may have ended.
                        let _ = kill_process(pid, *signal);
                    }
                }
            };
            thread::Builder::new()
                .name("proxy-signals".into())
                .spawn(forward)
                .map(drop)
        }
    }

    /// True if a terminal sends its signals to this process and its children.
    fn is_in_foreground() -> bool {
        let terminal = std::fs::File::open("/dev/tty").ok();
        let group = terminal.and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        group == Some(rustix::process::getpgrp())
    }
}
