//! The checks at the end of a story.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tower_activity::{
    Status,
    query::ActivityReader,
    record::Filter,
    store::{Store, sqlite::SqliteStore},
};

use crate::{
    foreign_clients::{
        calls::content,
        client::Client,
        store_folder::{Row, activity, identity, integrity_errors, rows},
        story::{End, Story},
    },
    support::sums,
};

/// Rows that a report lists.
const NAMED: usize = 4;

impl Story {
    /// Ends the writer and checks everything that is left, and again after another writer.
    pub fn finish(mut self, end: End) -> Self {
        self.readers.clear();
        if self.writer.is_some() {
            self.record(1);
            self.check_lock();
        }
        self.stop(end);
        self.check_rows("at the end");
        self.start();
        self.record(3);
        self.stop(End::Shutdown);
        self.check_rows("after another writer");
        self.check_one_file();
        self.check_contents();
        if !self.deleted {
            self.check_sums();
        }
        self
    }

    /// Every acknowledged row is found, the files are intact, and `doctor` agrees.
    fn check_rows(&mut self, when: &str) {
        let store = self.folder.store();
        self.moved.retain(|file| !is_without_tables(file));
        let doctor = activity(&store, &["doctor", "--json"]);
        let mut found = BTreeSet::new();
        for file in [vec![store.clone()], self.moved.clone()].concat() {
            if !file.exists() {
                continue;
            }
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            for damage in integrity_errors(Client::Other, &file).iter().take(NAMED) {
                self.fault(format_args!("{when}: {name} is damaged: {damage}"));
            }
            match rows(&file) {
                Ok(mut rows) => found.append(&mut rows),
                Err(error) => self.fault(format_args!("{when}: {name} cannot be read: {error}")),
            }
        }
        let links = self.other_links();
        for link in &links {
            found.append(&mut rows(link).unwrap_or_default());
        }
        let missing: Vec<&Row> = self.must.difference(&found).collect();
        let lost = count_gone(&self.may, &found);
        let said: Value = serde_json::from_str(&doctor.stdout).unwrap_or_default();
        let said = format!("{} {}{}", said["problems"], said["notes"], doctor.stderr);
        self.found = self
            .must
            .union(&self.may)
            .filter(|row| found.contains(*row))
            .count();
        let whole = missing.is_empty() && lost == 0;
        let told = format!(
            "{when}: {} of {} rows are missing {:?}",
            missing.len(),
            self.must.len(),
            &missing[..missing.len().min(NAMED)],
        );
        if !missing.is_empty() {
            self.fault(told);
        }
        self.note(format_args!(
            "{when}: {} rows found, {lost} of {} destroyed ones are gone; doctor: {:?} {said}",
            found.len(),
            self.may.len(),
            doctor.code
        ));
        let here = rows(&store).unwrap_or_default();
        // Rows destroyed here may be in a file that was moved away before.
        let complete_here = whole && count_gone(&self.may, &here) == 0;
        // Rows that were destroyed in a file before it was moved: `doctor` reports them for that file.
        let elsewhere = [self.moved.clone(), links].concat();
        let mut codes = elsewhere
            .iter()
            .map(|file| activity(file, &["doctor"]).code);
        let shown = doctor.code == Some(1) || codes.any(|code| code == Some(1));
        match doctor.code {
            Some(0) if whole || shown => {}
            Some(1) if !complete_here => {}
            code if whole => self.fault(format_args!(
                "{when}: nothing is missing, and doctor ends with {code:?}: {said}"
            )),
            code => self.fault(format_args!(
                "{when}: rows are missing, and doctor ends with {code:?}"
            )),
        }
        for file in self.moved.clone() {
            let doctor = activity(&file, &["doctor"]);
            if doctor.code != Some(0) && self.may.is_empty() {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                let Some(problem) = doctor.stdout.lines().find(|line| line.contains("problem"))
                else {
                    self.fault(format_args!("{when}: doctor of {name}: {}", doctor.stderr));
                    continue;
                };
                self.fault(format_args!("{when}: doctor of {name}: {problem}"));
            }
        }
    }

    /// Destroyed rows are reported at once, while the writer continues.
    pub fn check_reported(&mut self) {
        if !self.moved.is_empty() || !self.links.is_empty() {
            // They may be in another file, which is checked at the end.
            return;
        }
        let doctor = self.folder.activity(&["doctor"]);
        match rows(&self.folder.store()) {
            Ok(found) => {
                let lost = count_gone(&self.may, &found);
                if lost > 0 && doctor.code != Some(1) {
                    let code = doctor.code;
                    self.fault(format_args!(
                        "{lost} rows were destroyed, and doctor ends with {code:?}"
                    ));
                }
            }
            Err(error) => self.fault(format_args!("rows cannot be read: {error}")),
        }
    }

    /// Links to files that have no other name any more: a replaced file with another name is not destroyed.
    fn other_links(&self) -> Vec<PathBuf> {
        let named = [vec![self.folder.store()], self.moved.clone()].concat();
        let mut named: Vec<_> = named.iter().map(|file| identity(file)).collect();
        let links = self.links.iter();
        let others = links.filter(|link| {
            let id = identity(link);
            let is_other = !named.contains(&id);
            named.push(id);
            is_other
        });
        others.cloned().collect()
    }

    /// Without a writer or reader, the main file has everything.
    fn check_one_file(&mut self) {
        let (store, copy) = (self.folder.store(), self.new_file("alone"));
        if fs::copy(&store, &copy).is_err() {
            self.fault("there is no file at the end");
            return;
        }
        let (alone, whole) = (rows(&copy), rows(&store));
        match (alone, whole) {
            (Ok(alone), Ok(whole)) if alone == whole => {}
            (Ok(alone), Ok(whole)) => self.fault(format_args!(
                "at rest the file alone has {} of {} rows",
                alone.len(),
                whole.len()
            )),
            (alone, whole) => self.fault(format_args!(
                "at rest the file alone: {:?}, with what is beside it: {:?}",
                alone.err(),
                whole.err()
            )),
        }
    }

    /// Every call is unchanged.
    fn check_contents(&mut self) {
        match wrong_calls(&self.folder.store()) {
            Ok(0) => {}
            Ok(wrong) => self.fault(format_args!("{wrong} calls differ from what was recorded")),
            Err(error) => self.fault(format_args!("calls cannot be read: {error}")),
        }
    }

    /// The sums equal those of the rows.
    fn check_sums(&mut self) {
        let store = self.folder.store();
        let check = || {
            let before = sums::all(&store);
            sums::rebuild(&mut *SqliteStore::new(&store).unwrap().maintenance().unwrap());
            before == sums::all(&store)
        };
        match std::panic::catch_unwind(check) {
            Ok(true) => {}
            Ok(false) => self.fault("the sums differ from the rows"),
            Err(_) => self.fault("the sums cannot be read"),
        }
    }
}

/// The writer had just created the file when it was moved, and recorded nothing into it.
fn is_without_tables(file: &Path) -> bool {
    let count = Client::Shell.run(file, &["SELECT count(*) FROM sqlite_schema;"]);
    count.is_ok_and(|count| count.trim() == "0")
}

/// The number of rows that are not found, without those of foreign clients.
fn count_gone(rows: &BTreeSet<Row>, found: &BTreeSet<Row>) -> usize {
    let lost = rows.difference(found);
    lost.filter(|row| !row.starts_with("note")).count()
}

fn wrong_calls(store: &Path) -> tower_activity::Result<usize> {
    let mut reader = ActivityReader::open(store)?;
    let (mut wrong, mut cursor) = (0, None);
    loop {
        let page = reader.page(&Filter::default(), cursor, 1_000)?;
        let ended = page.records.iter();
        let ended = ended.filter(|call| call.name == "call" && call.status == Status::Success);
        wrong += ended
            .filter(|call| {
                let number = call.attributes.get("number").and_then(Value::as_u64);
                let input = call.input.as_ref().map(|input| input.text.as_str());
                let expected = number.map(|number| content(number).1.to_string());
                expected.is_none() || input != expected.as_deref()
            })
            .count();
        cursor = page.next;
        if cursor.is_none() {
            return Ok(wrong);
        }
    }
}
