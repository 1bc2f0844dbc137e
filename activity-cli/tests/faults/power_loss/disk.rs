//! A folder on a disk that loses what was not synced.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use super::trace::Event;

/// A disk writes its sectors whole.
const SECTOR: usize = 512;

/// The files under a folder: what is certainly on the disk, and what may be.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: PathBuf,
    files: Vec<File>,
    /// The names as the process sees them.
    names: Names,
    /// The names that a sync of their folder has written.
    synced_names: Names,
    /// The changes since.
    renaming: Vec<Naming>,
    /// The offset of each descriptor.
    offsets: HashMap<u32, Offset>,
    syncing: HashMap<u32, Syncing>,
}

type Names = BTreeMap<PathBuf, Entry>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// A change of names, which a file system makes as a whole, after those before it.
#[derive(Debug, Clone)]
enum Naming {
    Add(PathBuf, Entry),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Clone, Copy)]
enum Offset {
    At(usize),
    End,
}

/// A sync that has begun, with the number of changes that it writes.
#[derive(Debug, Clone)]
enum Syncing {
    File(usize, usize),
    Folder(PathBuf, usize),
    /// Of a file elsewhere.
    Nothing,
}

/// How much of what was not synced is on the disk after the loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    Nothing,
    Everything,
    /// Some changes of files, by the sector, and some changes of names from the first on.
    Some(u64),
}

impl Disk {
    /// A folder whose files were synced.
    pub fn new(folder: &Path) -> Self {
        let mut disk = Disk {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: Names::new(),
            synced_names: Names::new(),
            renaming: Vec::new(),
            offsets: HashMap::new(),
            syncing: HashMap::new(),
        };
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            disk.files.push(File {
                synced: fs::read(&path).unwrap(),
                changes: Vec::new(),
            });
            let entry = Entry::File(disk.files.len() - 1);
            disk.names.insert(path, entry);
        }
        disk.synced_names = disk.names.clone();
        disk
    }

    /// True if the folder or the names in it were changed by this event.
    pub fn apply(&mut self, event: &Event) -> bool {
        match event {
            Event::Open {
                path,
                descriptor,
                creates,
                truncates,
                writes_at_end,
            } => {
                let offset = match writes_at_end {
                    true => Offset::End,
                    false => Offset::At(0),
                };
                self.offsets.insert(*descriptor, offset);
                if !path.starts_with(&self.folder) {
                    return false;
                }
                match self.names.get(path) {
                    None if *creates => {
                        self.files.push(File::default());
                        let entry = Entry::File(self.files.len() - 1);
                        self.name(Naming::Add(path.clone(), entry));
                        true
                    }
                    Some(Entry::File(file)) if *truncates => {
                        self.files[*file].changes.push(Change::Truncate(0));
                        true
                    }
                    _ => false,
                }
            }
            Event::Seek { descriptor, to } => {
                self.offsets.insert(*descriptor, Offset::At(*to));
                false
            }
            Event::Write {
                path,
                descriptor,
                offset,
                bytes,
            } => {
                let Some(file) = self.file(path) else {
                    return false;
                };
                let begin = offset.unwrap_or_else(|| match self.offsets[descriptor] {
                    Offset::At(offset) => offset,
                    Offset::End => self.files[file].seen().len(),
                });
                if let (None, Some(Offset::At(at))) = (offset, self.offsets.get_mut(descriptor)) {
                    *at = begin + bytes.len();
                }
                let write = Change::Write(begin, bytes.clone());
                self.files[file].changes.push(write);
                true
            }
            Event::Truncate { path, length } => {
                let Some(file) = self.file(path) else {
                    return false;
                };
                self.files[file].changes.push(Change::Truncate(*length));
                true
            }
            Event::SyncBegin { thread, path } => {
                let syncing = match (self.file(path), path.starts_with(&self.folder)) {
                    (Some(file), _) => Syncing::File(file, self.files[file].changes.len()),
                    (None, true) => Syncing::Folder(path.clone(), self.renaming.len()),
                    (None, false) => Syncing::Nothing,
                };
                self.syncing.insert(*thread, syncing);
                false
            }
            Event::SyncEnd { thread } => match self.syncing.remove(thread).unwrap() {
                Syncing::File(file, count) => {
                    self.files[file].sync(count);
                    true
                }
                Syncing::Folder(folder, count) => {
                    self.sync_names(&folder, count);
                    true
                }
                Syncing::Nothing => false,
            },
            Event::Link { from, to } => {
                let Some(file) = self.file(from) else {
                    return false;
                };
                self.name(Naming::Add(to.clone(), Entry::File(file)));
                true
            }
            Event::Rename { from, to } => {
                let inside = from.starts_with(&self.folder);
                assert_eq!(inside, to.starts_with(&self.folder), "{from:?} {to:?}");
                if inside {
                    self.name(Naming::Rename(from.clone(), to.clone()));
                }
                inside
            }
            Event::Remove { path } => {
                let inside = path.starts_with(&self.folder);
                if inside {
                    self.name(Naming::Remove(path.clone()));
                }
                inside
            }
            Event::MakeFolder { path } => {
                let inside = path.starts_with(&self.folder);
                if inside {
                    self.name(Naming::Add(path.clone(), Entry::Folder));
                }
                inside
            }
        }
    }

    /// Writes what is on the disk after the loss of power to another folder.
    pub fn restore(&self, survives: Survives, to: &Path) {
        let mut random = fastrand::Rng::with_seed(match survives {
            Survives::Some(seed) => seed,
            _ => 0,
        });
        let renamed = match survives {
            Survives::Nothing => 0,
            Survives::Everything => self.renaming.len(),
            Survives::Some(_) => random.usize(..=self.renaming.len()),
        };
        let mut names = self.synced_names.clone();
        for naming in &self.renaming[..renamed] {
            naming.apply(&mut names);
        }
        // In the order of paths: a folder before what is in it.
        for (path, entry) in names {
            let path = to.join(path.strip_prefix(&self.folder).unwrap());
            if !path.parent().unwrap().exists() {
                continue;
            }
            match entry {
                Entry::Folder => fs::create_dir(&path).unwrap(),
                Entry::File(file) => {
                    let mut bytes = self.files[file].restore(survives, &mut random);
                    // It is mapped: its pages are written at any time.
                    if path.to_str().unwrap().ends_with("-shm") && survives != Survives::Nothing {
                        bytes.resize(32 << 10, 0);
                        random.fill(&mut bytes);
                    }
                    fs::write(&path, bytes).unwrap();
                }
            }
        }
    }

    fn file(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            Some(Entry::File(file)) => Some(*file),
            _ => None,
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.renaming.push(naming);
    }

    /// Writes the first changes of names, as far as they are of this folder.
    fn sync_names(&mut self, folder: &Path, count: usize) {
        let later = self.renaming.split_off(count);
        for naming in std::mem::take(&mut self.renaming) {
            match naming.path().parent() == Some(folder) {
                true => naming.apply(&mut self.synced_names),
                false => self.renaming.push(naming),
            }
        }
        self.renaming.extend(later);
    }
}

impl Naming {
    fn path(&self) -> &Path {
        match self {
            Naming::Add(path, _) | Naming::Remove(path) | Naming::Rename(_, path) => path,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Naming::Add(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            Naming::Remove(path) => {
                names.remove(path);
            }
            Naming::Rename(from, to) => {
                if let Some(entry) = names.remove(from) {
                    names.insert(to.clone(), entry);
                }
            }
        }
    }
}

impl File {
    /// What the process sees.
    fn seen(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        self.changes.iter().for_each(|one| one.apply(&mut bytes));
        bytes
    }

    fn sync(&mut self, count: usize) {
        for change in self.changes.drain(..count) {
            change.apply(&mut self.synced);
        }
    }

    fn restore(&self, survives: Survives, random: &mut fastrand::Rng) -> Vec<u8> {
        match survives {
            Survives::Nothing => self.synced.clone(),
            Survives::Everything => self.seen(),
            Survives::Some(_) => {
                let mut bytes = self.synced.clone();
                for change in &self.changes {
                    match change {
                        Change::Truncate(_) if random.bool() => change.apply(&mut bytes),
                        Change::Truncate(_) => {}
                        Change::Write(offset, written) => {
                            sectors(*offset, written)
                                .filter(|_| random.bool())
                                .for_each(|one| one.apply(&mut bytes));
                        }
                    }
                }
                bytes
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Truncate(length) => bytes.resize(*length, 0),
            Change::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }
}

/// Divides a write by the sectors of the disk.
fn sectors(offset: usize, written: &[u8]) -> impl Iterator<Item = Change> {
    let end = offset + written.len();
    let first = offset / SECTOR * SECTOR;
    (first..end).step_by(SECTOR).map(move |sector| {
        let begin = sector.max(offset);
        let end = (sector + SECTOR).min(end);
        Change::Write(begin, written[begin - offset..end - offset].to_vec())
    })
}
