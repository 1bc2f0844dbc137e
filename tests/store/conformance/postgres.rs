//! A central store in PostgreSQL answers like the suite's reference store.

use std::{
    ops::Range,
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tower_activity::{
    store::{CentralStore, Intake, LogState, Store, postgres::PostgresStore},
    testing::conformance,
};

use crate::support::{pgbouncer::Pooler, postgres};

/// The time between heartbeats: running activities are abandoned after two minutes without.
const PAUSE: Duration = Duration::from_secs(10);

/// Connected intakes, whose logs are heard of until it is dropped.
struct Heartbeats {
    intakes: Arc<Mutex<Vec<Box<dyn Intake>>>>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeats {
    fn start() -> Self {
        let intakes = Arc::new(Mutex::new(Vec::<Box<dyn Intake>>::new()));
        let (stop, stopped) = mpsc::channel::<()>();
        let all = intakes.clone();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(PAUSE) == Err(mpsc::RecvTimeoutError::Timeout) {
                for intake in all.lock().unwrap().iter_mut() {
                    intake.update(&LogState::default()).unwrap();
                }
            }
        });
        Heartbeats {
            intakes,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

#[track_caller]
fn check(seeds: Range<u64>, address: impl Fn(String) -> String) {
    let heartbeats = Heartbeats::start();
    let report = conformance::check(seeds, |records| {
        let store = PostgresStore::new(&address(postgres::database()))?;
        let mut intake = store.intake()?;
        conformance::forward(&mut *intake, records)?;
        heartbeats.intakes.lock().unwrap().push(intake);
        store.reader()
    });
    report.unwrap().assert();
}

#[test]
fn postgres_conforms() {
    check(super::SEEDS, |url| url);
}

#[test]
fn postgres_conforms_through_a_pooler_in_transaction_mode() {
    let pooler = Pooler::start(&postgres::database());
    check(0..2, |url| pooler.address(&url));
}
