//! One log from its first record to its end: acknowledged records, acts of clients, and the result.

use std::{collections::BTreeSet, fmt::Display, path::PathBuf};

use crate::foreign_clients::{
    client::ClientProcess,
    recorder::Answer,
    store_folder::{self, Row, StoreFolder},
    writer::{Clock, Mode, Writer},
};

/// How the writer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Kill,
    Shutdown,
}

/// A log, its writer, and what must hold for them.
#[derive(Debug)]
pub struct Story {
    pub folder: StoreFolder,
    mode: Mode,
    clock: Clock,
    pub writer: Option<Writer>,
    /// Clients with an open read transaction, and for how many more acts.
    pub readers: Vec<(ClientProcess, u32)>,
    /// Acknowledged rows, which must be found.
    pub must: BTreeSet<Row>,
    /// Acknowledged rows that were destroyed on purpose: `doctor` must report the missing ones.
    pub may: BTreeSet<Row>,
    /// Rows acknowledged since the store's file was last replaced.
    pub fresh: BTreeSet<Row>,
    /// Rows that a client deleted.
    pub doomed: BTreeSet<Row>,
    /// Rows were deleted, so that sums and rows differ.
    pub deleted: bool,
    /// Files that were moved away; the last one is moved back first.
    pub moved: Vec<PathBuf>,
    /// Hard links to the store's file at that time.
    pub links: Vec<PathBuf>,
    /// Complete copies, oldest first.
    pub copies: Vec<PathBuf>,
    /// How often the writer reported that its files were replaced.
    pub replaced: u64,
    /// Rows that were found at the end.
    pub found: usize,
    /// Names that are taken.
    pub names: u32,
    faults: Vec<String>,
    trace: Vec<String>,
}

/// The name of the call that runs from the beginning to the end.
const LONG: &str = "long";

impl Story {
    /// Starts a writer and has it record something.
    pub fn begin(mode: Mode, clock: Clock) -> Self {
        let mut story = Story {
            folder: StoreFolder::new(),
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

    /// Begins a story with a manual clock, after the first maintenance.
    pub fn aged(mode: Mode) -> Self {
        let mut story = Story::begin(mode, Clock::Manual);
        story.ask("age");
        story
    }

    /// Opens the log, and starts a call that keeps running.
    pub fn start(&mut self) {
        match Writer::start(&self.folder.store(), self.mode, self.clock) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.fault(error),
        }
        self.ask(&format!("open {LONG}"));
    }

    /// Has the writer record calls, all of which must be acknowledged.
    pub fn record(&mut self, count: u32) {
        self.ask(&format!("record {count}"));
    }

    /// Has the writer execute a command that must not fail.
    pub fn ask(&mut self, command: &str) {
        match self.try_ask(command) {
            Ok(answer) => {
                let error = answer.error.clone();
                self.replaced = answer.accounting["files_replaced"].as_u64().unwrap_or(0);
                let count = self.acknowledge(answer);
                self.note(format_args!("{command}: {count} rows acknowledged"));
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

    /// Expects acknowledged rows from now on.
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
            // A client deleted it before its call was acknowledged.
            self.may.insert(row);
            return;
        }
        self.fresh.insert(row.clone());
        self.must.insert(row);
    }

    /// All rows acknowledged so far may be gone.
    pub fn release(&mut self) {
        self.may.append(&mut self.must);
        self.fresh.clear();
    }

    /// Rows of foreign clients may be gone: the writer copies only its own tables out of replaced files.
    pub fn release_notes(&mut self) {
        self.must.retain(|row| !row.starts_with("note"));
        self.fresh.retain(|row| !row.starts_with("note"));
    }

    /// Adds a line to the report.
    pub fn note(&mut self, what: impl Display) {
        self.trace.push(what.to_string());
    }

    /// Adds a fault to the report.
    pub fn fault(&mut self, what: impl Display) {
        let what = what.to_string();
        self.trace.push(format!("FAULT: {what}"));
        self.faults.push(what);
    }

    /// Checks that the writer holds its lock on the store's current file.
    pub fn check_lock(&mut self) {
        let store = self.folder.store();
        let id = self.writer.as_ref().map(Writer::id);
        if id.is_some_and(|id| !store_folder::is_locked_by(id, &store)) {
            self.fault("the writer has no lock on the file");
        }
    }

    /// A free name in the folder.
    pub fn new_file(&mut self, what: &str) -> PathBuf {
        self.names += 1;
        let name = format!("{what}-{}.db", self.names);
        self.folder.file(&name)
    }

    /// Ends the writer.
    pub fn stop(&mut self, end: End) {
        if end == End::Shutdown {
            self.ask(&format!("close {LONG}"));
        }
        let Some(writer) = self.writer.take() else {
            return;
        };
        self.note(format_args!("{end:?}"));
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

    /// The lines of the story, with its faults.
    pub fn report(&self) -> String {
        format!(
            "{}\n\nfaults:\n  {}\n",
            self.trace.join("\n"),
            self.faults.join("\n  ")
        )
    }
}
