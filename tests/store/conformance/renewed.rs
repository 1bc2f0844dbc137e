//! Intakes whose logs are heard of: running activities run as long as their log is.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError::Disconnected, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use tower_activity::store::{Intake, LogState};

/// Intakes that are renewed until this is dropped.
pub(super) struct Renewed {
    new: Option<Sender<Box<dyn Intake>>>,
    renewing: Option<JoinHandle<()>>,
}

impl Default for Renewed {
    fn default() -> Self {
        let (new, intakes) = channel();
        Renewed {
            new: Some(new),
            renewing: Some(thread::spawn(move || renew(&intakes))),
        }
    }
}

impl Renewed {
    pub(super) fn add(&self, intake: Box<dyn Intake>) {
        let new = self.new.as_ref().unwrap();
        new.send(intake).unwrap();
    }
}

impl Drop for Renewed {
    fn drop(&mut self) {
        drop(self.new.take());
        let renewed = self.renewing.take().unwrap().join();
        assert!(renewed.is_ok() || thread::panicking());
    }
}

fn renew(new: &Receiver<Box<dyn Intake>>) {
    let mut intakes: Vec<Box<dyn Intake>> = Vec::new();
    loop {
        match new.recv_timeout(Duration::from_secs(10)) {
            Ok(intake) => intakes.push(intake),
            Err(Disconnected) => break,
            Err(_) => {}
        }
        for intake in &mut intakes {
            intake.update(&LogState::default()).unwrap();
        }
    }
}
