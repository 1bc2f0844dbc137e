//! Performs the steps of a story.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    thread,
    time::Duration,
};

use crate::foreign_clients::{
    act::{Act, Step},
    client::Client,
    store_folder::{beside, integrity_errors, rows},
    story::{End, Story},
};

/// Queries of all views, as people and programs read them.
const SELECT: [&str; 5] = [
    "SELECT count(*), max(start_time) FROM activities WHERE status = 'success';",
    "SELECT action_type, count(*) FROM project_actions GROUP BY 1;",
    "SELECT count(*), max(created_at) FROM activity_log;",
    "SELECT count(*), sum(bytes) FROM recordings;",
    "SELECT scope, sum(count) FROM activity_metrics GROUP BY 1;",
];
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS foreign_note (id INTEGER PRIMARY KEY, text TEXT NOT NULL);";
/// Ids are printed as the views print them.
const DOOMED: &str = "SELECT 'activity ' || lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || \
     substr(h, 13, 4) || '-' || substr(h, 17, 4) || '-' || substr(h, 21)) FROM \
     (SELECT hex(id) AS h FROM activity ORDER BY seq LIMIT (SELECT count(*) / 2 FROM activity));";
const DELETE: &str = "DELETE FROM activity WHERE seq IN \
     (SELECT seq FROM activity ORDER BY seq LIMIT (SELECT count(*) / 2 FROM activity));";
/// How long an exclusive lock is held.
const EXCLUSIVE: Duration = Duration::from_secs(2);
const SIDES: [&str; 2] = ["-wal", "-shm"];

impl Story {
    /// Performs a step, and has the writer record afterwards.
    pub fn step(&mut self, step: Step) {
        self.note(step);
        self.end_readers();
        if self.writer.is_none() {
            self.start();
        }
        let replaced = self.replaced;
        if step.busy {
            self.ask("busy");
        }
        self.perform(step.act, step.client);
        if step.busy {
            self.ask("calm");
        }
        if step.act.destroys() && step.act != Act::DeleteRows {
            self.release();
        }
        if step.calls > 0 {
            self.record(step.calls);
            self.check_lock();
            if step.act.exchanges_files() && self.replaced <= replaced {
                self.fault("the writer has not counted that its files were exchanged");
            }
            if step.act.destroys() {
                self.check_reported();
            }
        }
    }

    /// Performs an act, and has the writer record afterwards.
    pub fn act(&mut self, act: Act, client: Client) {
        self.step(Step {
            act,
            client,
            busy: false,
            calls: 5,
        });
    }

    /// Performs an act by a client.
    pub fn only(&mut self, act: Act, client: Client) {
        self.step(Step {
            act,
            client,
            busy: false,
            calls: 0,
        });
    }

    /// Performs an act.
    pub fn perform(&mut self, act: Act, client: Client) {
        let store = self.folder.store();
        match act {
            Act::Select => self.run(client, &SELECT),
            Act::LongRead => {
                let read = ["BEGIN;", "SELECT count(*) FROM activities;"];
                match client.hold(&store, &read) {
                    Ok(held) => self.readers.push((held, 2)),
                    Err(error) => self.fault(error),
                }
            }
            Act::Insert => self.insert(client),
            Act::Exclusive => self.exclusive(client),
            Act::Vacuum => self.run(client, &["VACUUM;"]),
            Act::VacuumInto => self.copy(client, |file| format!("VACUUM INTO '{file}';")),
            Act::Backup => self.copy(client, |file| format!(".backup {file}")),
            Act::JournalDelete => self.may_be_locked(client, "PRAGMA journal_mode = DELETE;"),
            Act::JournalWal => self.may_be_locked(client, "PRAGMA journal_mode = WAL;"),
            Act::Checkpoint => self.may_be_locked(client, "PRAGMA wal_checkpoint(TRUNCATE);"),
            Act::IntegrityCheck => {
                for damage in integrity_errors(client, &store).iter().take(4) {
                    self.fault(format_args!("the file is damaged: {damage}"));
                }
            }
            Act::List => self.command(&["list", "--limit", "5"]),
            Act::Doctor if self.may.is_empty() => self.command(&["doctor"]),
            // Destroyed rows are checked at the end: they must be reported.
            Act::Doctor => drop(self.folder.activity(&["doctor"])),
            Act::Event => self.event(),
            Act::CopyAll => {
                let copy = self.new_file("copy");
                copy_all(&store, &copy);
            }
            Act::CopyMain => {
                let copy = self.new_file("main-alone");
                fs::copy(&store, copy).unwrap();
            }
            Act::MoveMain => {
                let away = self.new_file("moved");
                self.exchanged(|_| fs::rename(&store, &away).unwrap());
                self.moved.push(away);
                self.release_notes();
            }
            Act::MoveAll => {
                let away = self.new_file("moved");
                self.exchanged(|_| move_all(&store, &away));
                self.moved.push(away);
            }
            Act::MoveBack => {
                let (back, away) = (self.moved.pop().unwrap(), self.new_file("moved"));
                self.exchanged(|_| {
                    move_all(&store, &away);
                    move_all(&back, &store);
                });
                // The writer may not have created a new one yet.
                self.moved.extend(Some(away).filter(|away| away.exists()));
            }
            Act::MoveOver => {
                let back = self.moved.pop().unwrap();
                self.exchanged(|_| move_all(&back, &store));
                self.release_notes();
            }
            Act::RemoveSides => self.remove_sides(&SIDES),
            Act::RemoveWal => self.remove_sides(&["-wal"]),
            Act::RemoveShm => self.remove_sides(&["-shm"]),
            Act::RemoveInstances => {
                // There is none if no process has the log open.
                let _ = fs::remove_dir_all(beside(&store, "-instances"));
            }
            Act::HardLink => {
                let link = self.new_file("hard-link");
                fs::hard_link(&store, &link).unwrap();
                self.links.push(link);
            }
            Act::SymbolicLink => {
                let link = self.new_file("symbolic-link");
                symlink(&store, link).unwrap();
            }
            Act::ChangeMode => {
                fs::set_permissions(&store, Permissions::from_mode(0o640)).unwrap();
            }
            Act::Rest => thread::sleep(Duration::from_secs(1)),
            Act::Age => self.ask("age"),
            Act::KillWriter => self.restart(End::Kill),
            Act::EndWriter => self.restart(End::Shutdown),
            Act::DeleteRows => self.delete_rows(client),
            Act::ReplaceWithCopy => {
                let copy = self.copies[0].clone();
                let unnamed = self.new_file("restored");
                fs::copy(copy, &unnamed).unwrap();
                fs::rename(unnamed, &store).unwrap();
            }
            Act::OverwriteWithCopy => {
                // The copy has another journal mode, which cannot be changed during a read: recording waits for its end.
                self.readers.clear();
                fs::copy(&self.copies[0], &store).unwrap();
            }
            Act::RemoveShmInWrite => self.remove_shm_in_write(client),
            Act::TruncateWal => {
                let wal = beside(&store, "-wal");
                if let Ok(wal) = OpenOptions::new().write(true).open(wal) {
                    wal.set_len(0).unwrap();
                }
            }
            Act::RemoveMain => fs::remove_file(&store).unwrap(),
        }
    }

    fn end_readers(&mut self) {
        for (_, acts) in &mut self.readers {
            *acts -= 1;
        }
        self.readers.retain(|(_, acts)| *acts > 0);
    }

    /// A client runs statements that must succeed.
    fn run(&mut self, client: Client, statements: &[&str]) {
        if let Err(error) = client.run(&self.folder.store(), statements) {
            self.fault(error);
        }
    }

    /// A client runs a statement that may fail because the file is in use.
    fn may_be_locked(&mut self, client: Client, statement: &str) {
        match client.run(&self.folder.store(), &[statement]) {
            Ok(said) => self.note(said.trim()),
            Err(error) if error.contains("locked") => self.note(error),
            Err(error) => self.fault(error),
        }
    }

    /// `activity` must succeed.
    fn command(&mut self, args: &[&str]) {
        let output = self.folder.activity(args);
        if output.code != Some(0) {
            let problems = output
                .stdout
                .lines()
                .filter(|line| line.contains("problem"));
            let said: Vec<&str> = problems.chain(output.stderr.lines()).collect();
            let (code, said) = (output.code, said.join("; "));
            self.fault(format_args!("activity {args:?} ends with {code:?}: {said}"));
        }
    }

    fn event(&mut self) {
        let output = self.folder.activity(&["event", "foreign", "by a script"]);
        if output.code == Some(0) {
            self.promise(format!("event {}", output.stdout.trim()));
        } else {
            let (code, said) = (output.code, output.stderr.trim().to_owned());
            self.fault(format_args!("activity event ends with {code:?}: {said}"));
        }
    }

    fn insert(&mut self, client: Client) {
        self.names += 1;
        let note = format!("{client} {}", self.names);
        let insert = format!("INSERT INTO foreign_note (text) VALUES ('{note}');");
        match client.run(&self.folder.store(), &[TABLE, &insert]) {
            Ok(_) => self.promise(format!("note {note}")),
            Err(error) => self.fault(error),
        }
    }

    fn exclusive(&mut self, client: Client) {
        match client.hold(&self.folder.store(), &["BEGIN EXCLUSIVE;"]) {
            Ok(mut held) => {
                thread::sleep(EXCLUSIVE);
                if let Err(error) = held.ask(&["COMMIT;"]) {
                    self.fault(error);
                }
            }
            Err(error) => self.fault(error),
        }
    }

    /// A client makes a copy, which must have all rows that the store's current file must have.
    fn copy(&mut self, client: Client, statement: impl Fn(&str) -> String) {
        let copy = self.new_file("copy");
        let statement = statement(copy.to_str().unwrap());
        if let Err(error) = client.run(&self.folder.store(), &[&statement]) {
            self.fault(error);
            return;
        }
        match rows(&copy) {
            Ok(copied) => {
                let missing = self.fresh.difference(&copied).count();
                if missing > 0 {
                    self.fault(format_args!("{missing} rows are missing in the copy"));
                }
            }
            Err(error) => self.fault(format_args!("the copy cannot be read: {error}")),
        }
        self.copies.push(copy);
    }

    /// Replaces or removes the store's current file.
    fn exchanged(&mut self, exchange: impl FnOnce(&mut Self)) {
        exchange(self);
        self.fresh.clear();
    }

    fn remove_sides(&mut self, suffixes: &[&str]) {
        let store = self.folder.store();
        for suffix in suffixes {
            // There is none if everything is checkpointed.
            let _ = fs::remove_file(beside(&store, suffix));
        }
        if suffixes.contains(&"-wal") {
            self.release_notes();
        }
    }

    fn restart(&mut self, end: End) {
        self.stop(end);
        self.start();
    }

    fn delete_rows(&mut self, client: Client) {
        let statements = ["BEGIN IMMEDIATE;", DOOMED, DELETE, "COMMIT;"];
        match client.run(&self.folder.store(), &statements) {
            Ok(printed) => {
                let deleted: BTreeSet<String> = printed.lines().map(str::to_owned).collect();
                self.fresh.retain(|row| !deleted.contains(row));
                let acknowledged = self.must.intersection(&deleted).cloned();
                self.may.extend(acknowledged.collect::<Vec<_>>());
                self.must.retain(|row| !deleted.contains(row));
                self.doomed.extend(deleted);
                self.deleted = true;
            }
            Err(error) => self.fault(error),
        }
    }

    fn remove_shm_in_write(&mut self, client: Client) {
        let store = self.folder.store();
        let insert = "INSERT INTO foreign_note (text) VALUES ('unsure');";
        match client.hold(&store, &[TABLE, "BEGIN IMMEDIATE;", insert]) {
            Ok(mut held) => {
                let _ = fs::remove_file(beside(&store, "-shm"));
                // SQLite may refuse it.
                let _ = held.ask(&["COMMIT;"]);
            }
            Err(error) => self.fault(error),
        }
    }
}

/// Moves a file with its side files.
fn move_all(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(from, suffix), beside(to, suffix));
        if from.exists() {
            fs::rename(from, to).unwrap();
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(from, suffix), beside(to, suffix));
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
}
