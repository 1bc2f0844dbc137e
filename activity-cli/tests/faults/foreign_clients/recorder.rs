//! The process under test: has a log open, records on command, and answers with the ids that were acknowledged.
//!
//! Commands are lines of standard input, answers are lines of JSON. In the modes `Fast` and `Wait` a record is
//! acknowledged when `flush` returns `Ok`; in the mode `Durable` a call is acknowledged when it is answered.

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_activity::{
    ActivityLog, Describe, Mode, Outcome,
    activity::ActivityGuard,
    import::Import,
    log::Builder,
    query::{Export, Format},
    record::Filter,
    redact::Redactor,
    store::{Store, sqlite::SqliteStore},
    testing::ManualClock,
};

use crate::foreign_clients::calls::Calls;

/// Marks the process under test, and names the file that it records into.
pub const STORE: &str = "ACTIVITY_TEST_FOREIGN_STORE";
/// `fast`, `wait` or `durable`.
pub const MODE: &str = "ACTIVITY_TEST_FOREIGN_MODE";
/// `manual` or `real`.
pub const CLOCK: &str = "ACTIVITY_TEST_FOREIGN_CLOCK";
/// Maintenance begins 10 s after a log was opened.
const AGED: Duration = Duration::from_secs(11);
/// Longer than any lock that a client holds.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The result of a command.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Activities that were acknowledged.
    pub activities: Vec<String>,
    /// Events that were acknowledged.
    pub events: Vec<String>,
    /// Recordings of which a chunk was acknowledged.
    pub recordings: Vec<String>,
    /// Why some records were not acknowledged.
    pub error: Option<String>,
    pub accounting: Value,
}

impl Answer {
    pub fn append(&mut self, mut other: Answer) {
        self.activities.append(&mut other.activities);
        self.events.append(&mut other.events);
        self.recordings.append(&mut other.recordings);
        self.error = self.error.take().or(other.error);
    }

    pub fn len(&self) -> usize {
        self.activities.len() + self.events.len() + self.recordings.len()
    }
}

/// Runs commands until standard input ends.
pub fn run(path: &Path) {
    let mut recorder = Recorder::open(path.to_owned());
    // The test harness may have left a line unfinished.
    println!();
    print_answer(&Answer::default());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let mut answer = recorder.execute(&words);
        answer.accounting = json!(recorder.log.accounting());
        print_answer(&answer);
    }
}

fn print_answer(answer: &Answer) {
    let mut line = serde_json::to_vec(answer).unwrap();
    line.push(b'\n');
    std::io::stdout().write_all(&line).unwrap();
}

struct Recorder {
    path: PathBuf,
    mode: Mode,
    clock: Option<ManualClock>,
    log: ActivityLog,
    calls: Calls,
    /// Open calls.
    open: HashMap<String, ActivityGuard>,
    busy: Option<(Arc<AtomicBool>, JoinHandle<Answer>)>,
}

impl Recorder {
    fn open(path: PathBuf) -> Self {
        let mode = match std::env::var(MODE).as_deref() {
            Ok("durable") => Mode::Durable,
            Ok("wait") => Mode::Wait,
            _ => Mode::Fast,
        };
        let clock = std::env::var(CLOCK).is_ok_and(|clock| clock == "manual");
        let clock = clock.then(|| {
            let clock = ManualClock::new();
            clock.set_wall(Utc::now());
            clock
        });
        let log = builder(mode, clock.as_ref()).open(&path).unwrap();
        let calls = Calls::new(&log, mode);
        Recorder {
            path,
            mode,
            clock,
            log,
            calls,
            open: HashMap::new(),
            busy: None,
        }
    }

    fn execute(&mut self, words: &[&str]) -> Answer {
        if let Some(clock) = &self.clock {
            clock.set_wall(Utc::now());
        }
        match *words {
            ["record", count] => self.calls.record(count.parse().unwrap()),
            ["age"] => self.age(),
            ["busy"] => self.be_busy(),
            ["calm"] => {
                let (stop, thread) = self.busy.take().unwrap();
                stop.store(true, SeqCst);
                thread.join().unwrap()
            }
            ["open", name] => {
                let describe = Describe::job(name.to_owned());
                self.open.insert(name.to_owned(), self.log.start(describe));
                self.flushed(Answer::default())
            }
            ["close", name] => {
                let call = self.open.remove(name).unwrap();
                let mut answer = Answer::default();
                answer.activities.extend(call.id().map(|id| id.to_string()));
                call.end(Outcome::success());
                self.flushed(answer)
            }
            ["handle"] => self.another_handle(),
            ["maintenance"] => {
                let maintenance =
                    SqliteStore::new(&self.path).and_then(|store| store.maintenance());
                failed(maintenance.map(drop))
            }
            ["import"] => failed(self.import()),
            ["end"] => failed(self.log.shutdown().wait().map(drop)),
            _ => panic!("no such command: {words:?}"),
        }
    }

    /// Advances the clock to the log's first maintenance.
    fn age(&self) -> Answer {
        match &self.clock {
            Some(clock) => clock.advance(AGED),
            None => std::thread::sleep(AGED),
        }
        let first = self.calls.record(1);
        // Maintenance follows a commit: a second flush waits for it.
        let mut second = self.calls.record(1);
        second.append(first);
        second
    }

    fn be_busy(&mut self) -> Answer {
        let stop = Arc::new(AtomicBool::new(false));
        let calls = Calls::new(&self.log, self.mode);
        let stopped = stop.clone();
        let work = move || {
            let mut all = Answer::default();
            while !stopped.load(SeqCst) {
                all.append(calls.record(3));
            }
            // Records that failed were not acknowledged; whether recording resumes is checked separately.
            all.error = None;
            all
        };
        self.busy = Some((stop, std::thread::spawn(work)));
        Answer::default()
    }

    /// Opens a second log of the same file in this process, records and closes it.
    fn another_handle(&self) -> Answer {
        let log = builder(self.mode, self.clock.as_ref()).open(&self.path);
        let log = match log {
            Ok(log) => log,
            Err(error) => return failed(Err(error)),
        };
        let mut answer = Calls::new(&log, self.mode).record(2);
        let ended = log.shutdown().wait().map_err(|error| chain(&error));
        answer.error = answer.error.or(ended.err());
        answer
    }

    /// Imports the export of another log.
    fn import(&self) -> tower_activity::Result<()> {
        let other = ActivityLog::open(":memory:")?;
        other.event("imported").summary("from another log").record();
        other.flush().wait()?;
        let mut lines = Vec::new();
        let mut export = Export::events(Filter::default(), Format::JsonLines);
        export.page(&mut other.reader()?, &mut lines)?;
        let store = SqliteStore::new(&self.path)?;
        let mut import = Import::new(&store, Redactor::new())?;
        for line in String::from_utf8_lossy(&lines).lines() {
            import.line(line)?;
        }
        import.finish().map(drop)
    }

    fn flushed(&self, mut answer: Answer) -> Answer {
        if let Err(error) = self.log.flush().timeout(PATIENCE).wait() {
            answer = Answer::default();
            answer.error = Some(chain(&error));
        }
        answer
    }
}

fn builder(mode: Mode, clock: Option<&ManualClock>) -> Builder {
    let builder = ActivityLog::builder()
        .mode(mode)
        .durable_timeout(PATIENCE)
        .wait_timeout(PATIENCE);
    match clock {
        Some(clock) => builder.clock(clock.clone()),
        None => builder,
    }
}

/// An error with all of its causes.
pub fn chain(error: &tower_activity::Error) -> String {
    let first: Option<&dyn std::error::Error> = Some(error);
    let causes = std::iter::successors(first, |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

fn failed(result: tower_activity::Result<()>) -> Answer {
    Answer {
        error: result.err().map(|error| chain(&error)),
        ..Answer::default()
    }
}
