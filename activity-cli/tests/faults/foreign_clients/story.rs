//! One log from its first record to its end: what was acknowledged, what clients did to it, and what is there
//! afterwards.

use std::{collections::BTreeSet, fmt::Display, path::PathBuf};

use crate::foreign_clients::{
    client::Held,
    place::{self, Place, Row},
    recorder::Answer,
    writer::{Clock, Mode, Writer},
};

/// How the writer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Kill,
    Shutdown,
}

/// A log, its writer, and the rows that must be there.
#[derive(Debug)]
pub struct Story {
    pub place: Place,
    mode: Mode,
    clock: Clock,
    pub writer: Option<Writer>,
    /// Clients that read in a transaction, and for how many more acts.
    pub readers: Vec<(Held, u32)>,
    /// Acknowledged: must be there.
    pub must: BTreeSet<Row>,
    /// Acknowledged, then destroyed on purpose: `doctor` must report a missing one.
    pub may: BTreeSet<Row>,
    /// Acknowledged since the file under the name of the store was last exchanged.
    pub fresh: BTreeSet<Row>,
    /// Rows that a client deleted.
    pub doomed: BTreeSet<Row>,
    /// Rows were deleted, so that sums and rows differ.
    pub deleted: bool,
    /// Files that were moved away; the last one comes back first.
    pub moved: Vec<PathBuf>,
    /// Hard links to every file that was the store's.
    pub links: Vec<PathBuf>,
    /// Whole copies, oldest first.
    pub copies: Vec<PathBuf>,
    /// How often the writer has found its files exchanged, as it says.
    pub replaced: u64,
    /// Rows that were found at the end.
    pub found: usize,
    /// Names that were given.
    pub names: u32,
    faults: Vec<String>,
    trace: Vec<String>,
}

/// The name of the call that goes on from the beginning to the end.
const LONG: &str = "long";

impl Story {
    /// Starts a writer and has it record something.
    pub fn begin(mode: Mode, clock: Clock) -> Self {
        let mut story = Story {
            place: Place::new(),
            mode,
            clock,
            writer: None,
            readers: Vec::new(),
            must: BTreeSet::new(),
            may: BTreeSet::new(),
            fresh: BTreeSet::new(),
            doomed: BTreeSet::new(),
            deleted: false,
            moved: Vec::new(),
            links: Vec::new(),
            copies: Vec::new(),
            replaced: 0,
            found: 0,
            names: 0,
            faults: Vec::new(),
            trace: vec![format!(
                "a writer in the mode {mode}, its clock is {clock:?}"
            )],
        };
        story.start();
        story.record(20);
        story
    }

    /// One by the test's clock, old enough for its upkeep.
    pub fn aged(mode: Mode) -> Self {
        let mut story = Story::begin(mode, Clock::Manual);
        story.ask("age");
        story
    }

    /// Opens the log, and a call that goes on.
    pub fn start(&mut self) {
        match Writer::start(&self.place.store(), self.mode, self.clock) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.fault(error),
        }
        self.ask(&format!("open {LONG}"));
    }

    /// Has the writer record so many calls. All of them must be acknowledged.
    pub fn record(&mut self, count: u32) {
        self.ask(&format!("record {count}"));
    }

    /// Has the writer do something that must not fail.
    pub fn ask(&mut self, command: &str) {
        match self.try_ask(command) {
            Ok(answer) => {
                let error = answer.error.clone();
                self.replaced = answer.accounting["files_replaced"].as_u64().unwrap_or(0);
                let count = self.acknowledge(answer);
                self.tell(format_args!("{command}: {count} rows acknowledged"));
                if let Some(error) = error {
                    self.fault(format_args!("{command}: {error}"));
                }
            }
            Err(error) => self.fault(error),
        }
    }

    fn try_ask(&mut self, command: &str) -> Result<Answer, String> {
        let writer = self.writer.as_mut().ok_or("there is no writer")?;
        let answer = writer.ask(command);
        if answer.is_err() {
            self.writer = None;
        }
        answer
    }

    /// Rows that were acknowledged must be there from now on.
    pub fn acknowledge(&mut self, answer: Answer) -> usize {
        let count = answer.len();
        let kinds = [
            ("activity", answer.activities),
            ("event", answer.events),
            ("recording", answer.recordings),
        ];
        for (kind, ids) in kinds {
            for id in ids {
                self.promise(format!("{kind} {id}"));
            }
        }
        count
    }

    pub fn promise(&mut self, row: Row) {
        if self.doomed.contains(&row) {
            // A client had deleted it before its call was known to be acknowledged.
            self.may.insert(row);
            return;
        }
        self.fresh.insert(row.clone());
        self.must.insert(row);
    }

    /// All that was acknowledged by now may be gone.
    pub fn release(&mut self) {
        self.may.append(&mut self.must);
        self.fresh.clear();
    }

    /// What only foreign clients wrote may be gone: the writer copies its own tables out of files that were taken from
    /// it, and nobody else does that for theirs.
    pub fn release_notes(&mut self) {
        self.must.retain(|row| !row.starts_with("note"));
        self.fresh.retain(|row| !row.starts_with("note"));
    }

    /// Notes what happened.
    pub fn tell(&mut self, what: impl Display) {
        self.trace.push(what.to_string());
    }

    /// Notes what must not have happened.
    pub fn fault(&mut self, what: impl Display) {
        let what = what.to_string();
        self.trace.push(format!("FAULT: {what}"));
        self.faults.push(what);
    }

    /// The writer's lock on the file under the store's name is there.
    pub fn check_lock(&mut self) {
        let store = self.place.store();
        let id = self.writer.as_ref().map(Writer::id);
        if id.is_some_and(|id| !place::is_locked_by(id, &store)) {
            self.fault("the writer has no lock on the file");
        }
    }

    /// A name in the folder that is not taken.
    pub fn new_file(&mut self, what: &str) -> PathBuf {
        self.names += 1;
        let name = format!("{what}-{}.db", self.names);
        self.place.file(&name)
    }

    /// Ends the writer.
    pub fn stop(&mut self, end: End) {
        if end == End::Shutdown {
            self.ask(&format!("close {LONG}"));
        }
        let Some(writer) = self.writer.take() else {
            return;
        };
        self.tell(format_args!("{end:?}"));
        match end {
            End::Kill => writer.kill(),
            End::Shutdown => {
                if let Err(error) = writer.end() {
                    self.fault(error);
                }
            }
        }
    }

    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// The acts so far, and the faults.
    pub fn report(&self) -> String {
        format!(
            "{}\n\nfaults:\n  {}\n",
            self.trace.join("\n"),
            self.faults.join("\n  ")
        )
    }
}
