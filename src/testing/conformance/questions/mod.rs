//! The questions of the suite.

mod records;
mod sums;

use std::{fmt::Debug, sync::Arc, time::Instant};

use super::{
    Difference, Report,
    expected::{Expected, Plain},
};
use crate::{
    error::{ErrorKind, Result},
    record::{ActivityId, ActivityRecord, EventRecord, Filter},
    store::Reader,
};

/// Filters for activities and events.
pub(super) const BOTH: [&str; 28] = [
    "",
    "status:failed",
    "-status:success",
    "status:running,failed",
    "project:acme",
    "project:acme,Acme,übung",
    "project:a*",
    "-project:acme agent:bot,planner",
    "agent:*o*",
    "actor:\"Ann B\"",
    "actor:o'neil -env:dev",
    "session:s%",
    "request:r-1 brand:shop",
    "has:project,actor",
    "-has:session",
    "has:parent",
    "is:root project:acme",
    "-is:root status:in_progress,failed",
    "since:2026-02-28",
    "until:2026-02-28T12:00:00Z",
    "since:2026-03-01T12:05:00Z",
    "since:2026-02-27 until:2026-02-28 status:success",
    "user",
    "us*",
    "\"no such\" -retry",
    "größer",
    "日本語",
    "project:unknown",
];
/// Filters for activities only.
pub(super) const ACTIVITIES: [&str; 14] = [
    "name:login",
    "name:log*",
    "name:a*b",
    "name:\"100%\"",
    "-name:größe kind:tool,turn",
    "kind:turn agent:planner",
    "error:timeout,denied",
    "has:error -has:message",
    "has:recording",
    "has:input,output",
    "duration:>1s",
    "duration:<=1us",
    "has:duration status:abandoned,running",
    "disk -status:failed name:*",
];
/// Filters of events alone.
pub(super) const EVENTS: [&str; 4] = [
    "type:deployment",
    "type:chatSession,größe",
    "-type:log has:parent",
    "type:d* deployment",
];
/// Filters that are invalid for one kind of record: (activities, events).
pub(super) const WRONG: [(&str, &str); 2] =
    [("type:log", "kind:tool"), ("type:*", "has:recording")];

/// The reader under test and the oracle.
pub(super) struct Questions<'a> {
    reader: &'a mut dyn Reader,
    expected: Expected<'a>,
    /// One of so many is asked.
    every: u64,
    /// The number of the last question.
    number: u64,
    report: &'a mut Report,
}

impl<'a> Questions<'a> {
    pub(super) fn new(
        reader: &'a mut dyn Reader,
        expected: Expected<'a>,
        every: u64,
        report: &'a mut Report,
    ) -> Self {
        let now = expected.records.now;
        reader.options().clock = Some(Arc::new(move || now));
        Questions {
            reader,
            expected,
            every: every.max(1),
            number: 0,
            report,
        }
    }

    pub(super) fn ask_all(&mut self) {
        self.both();
        self.ids();
        self.trees();
        self.causes();
        self.recordings();
        self.sums();
        self.paces();
        self.health();
        self.deadline();
    }

    /// Compares one answer.
    fn same<T: Debug + PartialEq>(
        &mut self,
        question: impl FnOnce() -> String,
        expected: &T,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T>,
    ) {
        self.number += 1;
        let seed = self.expected.records.seed;
        if !self.number.wrapping_add(seed).is_multiple_of(self.every) {
            return;
        }
        self.report.compared += 1;
        let found = match ask(self.reader) {
            Ok(found) if found == *expected => return,
            Ok(found) => format!("{found:?}"),
            Err(error) => format!("the error {error}"),
        };
        self.report.differences.push(Difference {
            seed,
            question: question(),
            expected: format!("{expected:?}"),
            found,
        });
    }

    /// Expects an error of this kind.
    fn fails<T>(
        &mut self,
        question: impl FnOnce() -> String,
        expected: ErrorKind,
        ask: impl FnOnce(&mut dyn Reader) -> Result<T>,
    ) {
        let kind = |answer: Result<T>| Ok(answer.map_or_else(|error| Some(error.kind()), |_| None));
        self.same(question, &Some(expected), |reader| kind(ask(reader)));
    }

    fn filter(&self, text: &str) -> Filter {
        match Filter::parse(text, self.expected.records.now) {
            Ok(filter) => filter,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn health(&mut self) {
        let all = Filter::default();
        let of = |text| {
            let meant = self.expected.matching::<ActivityRecord>(&self.filter(text));
            meant.len() as u64
        };
        let ended = self.expected.committed::<ActivityRecord>(&all);
        let events = self.expected.committed::<EventRecord>(&all);
        let ahead = ended.iter().filter(|one| one.ahead).count()
            + events.iter().filter(|one| one.ahead).count();
        let expected = (
            ended.len() as u64,
            events.len() as u64,
            of("status:running"),
            of("status:abandoned"),
            ahead as u64,
        );
        self.same(
            || String::from("the health"),
            &expected,
            |reader| {
                let health = reader.health()?;
                Ok((
                    health.activities,
                    health.events,
                    health.running,
                    health.abandoned,
                    health.ahead,
                ))
            },
        );
        let present = self.expected.records.now;
        self.same(
            || String::from("the present"),
            &present,
            |reader| reader.present(),
        );
    }

    /// Queries fail after the deadline.
    fn deadline(&mut self) {
        self.reader.options().deadline = Some(Instant::now());
        let root = ActivityId::from_bytes([1; 16]);
        self.fails(
            || String::from("a tree after the deadline"),
            ErrorKind::Timeout,
            |reader| reader.tree(root),
        );
        self.reader.options().deadline = None;
    }
}
