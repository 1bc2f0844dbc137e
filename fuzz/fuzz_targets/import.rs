//! Any lines are imported or refused with the number of a line. Importing them again adds nothing, their export is imported
//! into another store as it is, and the time is linear.
#![no_main]

use std::{cell::RefCell, io::BufRead};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_activity::{
    import::{Import, ImportSummary},
    query::{ActivityReader, Export, Format},
    record::{ActivityRecord, EventRecord, Filter},
    redact::Redactor,
    store::{Position, Store, sqlite::SqliteStore},
};
use tower_activity_fuzz::linear_bytes;

/// The imports into a pair of stores, so that their memory is bounded.
const MOST: u32 = 2_000;

/// A store, a reader of it, and how far it was exported.
struct Side {
    store: SqliteStore,
    reader: ActivityReader,
    activities: Position<ActivityRecord>,
    events: Position<EventRecord>,
}

impl Side {
    fn new() -> Self {
        let store = SqliteStore::new(":memory:").expect("a store in memory opens");
        let _ = import(&store, &b""[..]);
        Side {
            reader: ActivityReader::from_store(&store).expect("it is read"),
            store,
            activities: Position::START,
            events: Position::START,
        }
    }

    /// Exports what was added since the last export.
    fn export(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut activities =
            Export::activities(Filter::default(), Format::JsonLines).after(self.activities);
        while activities
            .page(&mut self.reader, &mut out)
            .expect("it is exported")
        {}
        self.activities = activities.position();
        let mut events = Export::events(Filter::default(), Format::JsonLines).after(self.events);
        while events
            .page(&mut self.reader, &mut out)
            .expect("it is exported")
        {}
        self.events = events.position();
        out
    }
}

thread_local!(static SIDES: RefCell<Option<(Side, Side, u32)>> = const { RefCell::new(None) });

fn import(store: &dyn Store, data: impl BufRead) -> ImportSummary {
    let redactor = thread_local_redactor();
    let mut import = Import::new(store, redactor).expect("an import begins");
    if let Err(error) = import.read(data, |_| ()) {
        assert!(error.is_invalid(), "{error:?}");
        assert!(
            error.to_string().contains("line "),
            "no number of a line: {error}"
        );
    }
    import.finish().expect("it commits")
}

/// Rules are compiled once.
fn thread_local_redactor() -> Redactor {
    thread_local!(static REDACTOR: Redactor = Redactor::new());
    REDACTOR.with(Redactor::clone)
}

/// Returns the exported records, without what a store says of them: the process that imported them, and their place.
fn records(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split(|byte| *byte == b'\n');
    let records = lines.filter(|line| !line.is_empty()).map(|line| {
        let mut record: Value = serde_json::from_slice(line).expect("an export is JSON");
        if let Some(fields) = record.as_object_mut() {
            fields.remove("instance");
            fields.remove("seq");
        }
        record
    });
    records.collect()
}

fuzz_target!(|data: &[u8]| {
    SIDES.with_borrow_mut(|sides| {
        if sides.as_ref().is_none_or(|(_, _, used)| *used >= MOST) {
            *sides = Some((Side::new(), Side::new(), 0));
        }
        let (one, other, used) = sides.as_mut().expect("it was just made");
        *used += 1;
        import(&one.store, data);
        let again = import(&one.store, data);
        assert_eq!(
            (again.activities, again.events),
            (0, 0),
            "imported twice: {again:?}"
        );
        let exported = one.export();
        let summary = import(&other.store, &*exported);
        assert_eq!(summary.renamed, 0, "an export has ids that do not fit");
        assert_eq!(records(&other.export()), records(&exported));
    });
    linear_bytes(b"{\"name\":\"", data, 64 << 10, |long| {
        let store = SqliteStore::new(":memory:").expect("a store in memory opens");
        import(&store, long);
    });
});
