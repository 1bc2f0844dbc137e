//! Readers and followers of the fleet's server.

use std::{
    cmp::Reverse,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tower_activity::{
    record::{ActivityRecord, EventRecord, Filter},
    store::{
        Position, Reader, Record, Source, Store, postgres::PostgresStore, sqlite::SqliteStore,
    },
};

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Threads that read while the server fails.
pub struct Watchers {
    is_over: Arc<AtomicBool>,
    followers: Vec<JoinHandle<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Watchers {
    pub fn start(url: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let store = PostgresStore::new(&format!("{url}?tcp_user_timeout=2&connect_timeout=1"));
        let store = Arc::new(store.unwrap());
        let follower = |follow: fn(&PostgresStore, &AtomicBool) -> Vec<String>| {
            let (store, is_over) = (store.clone(), is_over.clone());
            thread::spawn(move || follow(&store, &is_over))
        };
        let followers = vec![
            follower(follow::<ActivityRecord>),
            follower(follow::<EventRecord>),
        ];
        let reader = {
            let (store, is_over) = (store.clone(), is_over.clone());
            thread::spawn(move || read(&store, &is_over))
        };
        Watchers {
            is_over,
            followers,
            reader,
        }
    }

    /// Returns what was seen, in order, up to the end of what is there.
    pub fn finish(self) -> Vec<String> {
        self.is_over.store(true, SeqCst);
        self.reader.join().unwrap();
        let seen = self.followers.into_iter();
        seen.flat_map(|one| one.join().unwrap()).collect()
    }
}

/// Follows one kind of record from the start. Errors are those of a server that is away.
fn follow<R: Record>(store: &PostgresStore, is_over: &AtomicBool) -> Vec<String>
where
    dyn Reader: Source<R>,
{
    let (mut reader, mut position, mut seen) = (None, Position::START, Vec::new());
    loop {
        let was_over = is_over.load(SeqCst);
        let page = with_reader(store, &mut reader, |reader| {
            Source::<R>::after(reader, position, &Filter::default(), 500)
        });
        match page {
            Some(page) => {
                assert!(!page.restarted);
                position = page.next;
                let is_end = page.records.is_empty();
                seen.extend(page.records.iter().map(|one| one.id().to_string()));
                if is_end && was_over {
                    return seen;
                }
                if is_end {
                    thread::sleep(PAUSE);
                }
            }
            None => thread::sleep(PAUSE),
        }
    }
}

/// Reads what a page of the dashboard shows.
fn read(store: &PostgresStore, is_over: &AtomicBool) {
    let mut reader = None;
    while !is_over.load(SeqCst) {
        let list = with_reader(store, &mut reader, |reader| {
            reader.health()?;
            Source::<ActivityRecord>::list(reader, &Filter::default(), None, 50)
        });
        if let Some(list) = list {
            // Those of the clock that is ahead come last.
            let keys = list.records.iter().map(|one| (one.ahead, Reverse(one.id)));
            assert!(keys.is_sorted_by(|a, b| a < b));
        }
        thread::sleep(PAUSE);
    }
}

/// Reads with a deadline. `None` if that failed.
fn with_reader<T>(
    store: &PostgresStore,
    reader: &mut Option<Box<dyn Reader>>,
    read: impl FnOnce(&mut (dyn Reader + 'static)) -> tower_activity::Result<T>,
) -> Option<T> {
    if reader.is_none() {
        *reader = store.reader().ok();
    }
    let reader = reader.as_deref_mut()?;
    reader.options().deadline = Some(Instant::now() + Duration::from_secs(10));
    read(reader).ok()
}

/// Returns the ids of all records in files.
pub fn ids_of(files: &[PathBuf]) -> Vec<String> {
    let mut ids = Vec::new();
    for path in files {
        let mut reader = SqliteStore::new(path).unwrap().reader().unwrap();
        ids_in::<ActivityRecord>(&mut *reader, &mut ids);
        ids_in::<EventRecord>(&mut *reader, &mut ids);
    }
    ids
}

fn ids_in<R: Record>(reader: &mut (dyn Reader + 'static), ids: &mut Vec<String>)
where
    dyn Reader: Source<R>,
{
    let mut position = Position::START;
    loop {
        let page = Source::<R>::after(reader, position, &Filter::default(), 1_000).unwrap();
        if page.records.is_empty() {
            return;
        }
        position = page.next;
        ids.extend(page.records.iter().map(|one| one.id().to_string()));
    }
}
