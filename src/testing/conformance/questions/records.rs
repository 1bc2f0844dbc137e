//! Lists, followers, single records, trees and recordings.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{ACTIVITIES, BOTH, EVENTS, Plain, Questions, WRONG};
use crate::{
    error::{Error, ErrorKind, Result},
    record::{ActivityId, ActivityRecord, EventRecord, Filter, RecordingId},
    store::{Cursor, LARGEST_PAGE, Position, Reader},
};

/// The most pages per list. Longer lists are not read in small pages; shorter ones are.
const MAX_PAGES_PER_LIST: usize = 40;
const LIMITS: [usize; 4] = [1, 2, 7, 5_000];

impl Questions<'_> {
    pub(super) fn both(&mut self) {
        self.records::<ActivityRecord>(&ACTIVITIES, WRONG.map(|wrong| wrong.0));
        self.records::<EventRecord>(&EVENTS, WRONG.map(|wrong| wrong.1));
    }

    /// Lists, followers and single records.
    fn records<R: Plain>(&mut self, own: &[&str], wrong: [&str; 2]) {
        for text in BOTH.iter().chain(own) {
            let filter = self.filter(text);
            self.lists::<R>(text, &filter);
            self.follow::<R>(text, &filter);
        }
        for text in wrong {
            let filter = self.filter(text);
            self.fails(
                || format!("list {:?} `{text}`", R::KIND),
                ErrorKind::Invalid,
                |reader| R::source(reader).list(&filter, None, 1),
            );
            self.fails(
                || format!("follow {:?} `{text}`", R::KIND),
                ErrorKind::Invalid,
                |reader| R::source(reader).after(Position::START, &filter, 1),
            );
        }
        for one in some(R::all(&self.expected).to_vec()) {
            self.same(
                || format!("get {:?}", one.id()),
                &Some(one.clone()),
                |reader| Ok(R::source(reader).get(one.id())?.map(Plain::plain)),
            );
        }
        let several: Vec<R> = some(R::all(&self.expected).to_vec()).collect();
        let ids: Vec<R::Id> = several.iter().map(|one| one.id()).collect();
        let mut several = plain::<R>(several);
        several.sort_by_key(|one| one.id());
        self.same(
            || format!("get {} {:?}", ids.len(), R::KIND),
            &several,
            |reader| {
                let mut found = plain::<R>(R::source(reader).get_all(&ids)?);
                found.sort_by_key(|one| one.id());
                Ok(found)
            },
        );
        let unknown = R::id_from_bytes([7; 16]);
        let none = self.expected.get::<R>(unknown);
        self.same(
            || format!("get {unknown:?}"),
            &none,
            |reader| R::source(reader).get(unknown),
        );
    }

    /// Lists page by page, and from cursors in the middle.
    fn lists<R: Plain>(&mut self, text: &str, filter: &Filter) {
        let whole = self.expected.list::<R>(filter, None);
        for limit in LIMITS {
            if whole.len() / limit > MAX_PAGES_PER_LIST {
                continue;
            }
            let page = limit.min(LARGEST_PAGE);
            let pages: Vec<Vec<R>> = match whole.is_empty() {
                true => vec![Vec::new()],
                false => whole.chunks(page).map(<[R]>::to_vec).collect(),
            };
            self.same(
                || format!("list {:?} `{text}` by {limit}", R::KIND),
                &pages,
                |reader| every_page(reader, filter, limit),
            );
        }
        // A limit of 0 counts as 1.
        let first: Vec<R> = whole.iter().take(1).cloned().collect();
        self.same(
            || format!("list {:?} `{text}` by 0", R::KIND),
            &first,
            |reader| Ok(plain(R::source(reader).list(filter, None, 0)?.records)),
        );
        let all = R::all(&self.expected).to_vec();
        for one in all.iter().step_by(all.len() / 4 + 1) {
            // Also after records that the filter does not match.
            let cursor = Cursor::after_record(one);
            let rest = self.expected.list(filter, Some(cursor));
            let rest: Vec<R> = rest.into_iter().take(5).collect();
            self.same(
                || format!("list {:?} `{text}` after {cursor}", R::KIND),
                &rest,
                |reader| {
                    Ok(plain(
                        R::source(reader).list(filter, Some(cursor), 5)?.records,
                    ))
                },
            );
        }
    }

    /// Follows the commit order in pages, from the start and from the newest position.
    fn follow<R: Plain>(&mut self, text: &str, filter: &Filter) {
        let committed = self.expected.committed::<R>(filter);
        for limit in [1, 3, 5_000] {
            if committed.len() / limit > MAX_PAGES_PER_LIST {
                continue;
            }
            self.same(
                || format!("follow {:?} `{text}` by {limit}", R::KIND),
                &committed,
                |reader| follow(reader, filter, limit),
            );
        }
        self.same(
            || format!("follow {:?} `{text}` from the newest", R::KIND),
            &(Vec::new(), false),
            |reader| {
                let source = R::source(reader);
                let newest = source.newest()?;
                let followed = source.after(newest, filter, 10)?;
                Ok((plain::<R>(followed.records), followed.restarted))
            },
        );
    }

    pub(super) fn ids(&mut self) {
        let ids = some(self.expected.ids(&everything(), usize::MAX));
        for id in ids.chain([ActivityId::from_bytes([0x01; 16])]) {
            // Prefixes of the lengths that people type.
            for digits in [1, 4, 6, 16] {
                let (mut first, mut last) = (*id.as_bytes(), *id.as_bytes());
                first[digits..].fill(0);
                last[digits..].fill(0xff);
                let range = ActivityId::from_bytes(first)..=ActivityId::from_bytes(last);
                let expected = self.expected.ids(&range, 6);
                self.same(
                    || format!("the ids of {range:?}"),
                    &expected,
                    |reader| reader.ids(range.clone(), 6),
                );
            }
        }
    }

    pub(super) fn trees(&mut self) {
        let all = self.expected.activities.clone();
        for one in some(all) {
            let root = one.id;
            let tree = self.expected.tree(root, &Filter::default());
            self.same(
                || format!("the tree of {root}"),
                &tree,
                |reader| Ok(plain(reader.tree(root)?)),
            );
            for text in ["", "status:failed,running", "-name:log*"] {
                let filter = self.filter(text);
                let tree = self.expected.tree(root, &filter);
                let expected = (tree.clone(), tree.len() as u64);
                self.same(
                    || format!("the tree of {root} `{text}` by 2"),
                    &expected,
                    |reader| tree_by_pages(reader, root, &filter),
                );
            }
            for limit in [1, 3, LARGEST_PAGE] {
                let inside = self.expected.events_of(root, limit);
                self.same(
                    || format!("{limit} events of {root}"),
                    &inside,
                    |reader| Ok(plain(reader.events_of(root, limit)?)),
                );
            }
        }
        let wrong = self.filter("type:log");
        let root = ActivityId::from_bytes([1; 16]);
        self.fails(
            || String::from("the tree of `type:log`"),
            ErrorKind::Invalid,
            |reader| reader.tree_page(root, &wrong, None, 1),
        );
    }

    /// What ran inside roots, and the root causes of failures.
    pub(super) fn causes(&mut self) {
        let all: Vec<_> = self.expected.activities.iter().map(|one| one.id).collect();
        for text in ["", "project:acme", "-status:success"] {
            let filter = self.filter(text);
            let descendants = self.expected.descendants(&all, &filter);
            self.same(
                || format!("what ran inside all `{text}`"),
                &descendants,
                |reader| {
                    let mut found = reader.descendants(&all, &filter)?;
                    found.sort_by_key(|one| one.root);
                    Ok(found)
                },
            );
            for one in some(self.expected.activities.clone()) {
                let path = self.expected.root_cause(&one, &filter);
                self.same(
                    || format!("the root cause of {} `{text}`", one.id),
                    &path,
                    |reader| {
                        let path = reader.root_cause(&one, &filter)?;
                        Ok(path.iter().map(|one| one.id).collect::<Vec<_>>())
                    },
                );
            }
        }
        let windows = [
            "since:2026-02-28",
            "since:2026-02-27T10:07:30 until:2026-03-01T12:00:00.5",
        ];
        for text in BOTH.iter().chain(&ACTIVITIES).chain(&windows) {
            let filter = self.filter(text);
            let groups = self.expected.failures(&filter);
            self.same(
                || format!("the groups of errors `{text}`"),
                &groups,
                |reader| {
                    let mut groups = reader.failures(&filter)?;
                    groups.sort_by_key(|one| one.fingerprint);
                    Ok(groups)
                },
            );
            let fingerprints: Vec<_> = groups.iter().filter_map(|one| one.fingerprint).collect();
            let first = groups
                .iter()
                .filter_map(|one| Some((one.fingerprint?, one.first)));
            let first: BTreeMap<_, _> = first.collect();
            if filter.since.is_none() && filter.until.is_none() {
                self.same(
                    || format!("the first errors of each group `{text}`"),
                    &first,
                    |reader| {
                        let first = reader.first_failures(&filter, &fingerprints)?;
                        Ok(first.into_iter().collect())
                    },
                );
            }
        }
    }

    pub(super) fn recordings(&mut self) {
        for one in some(self.expected.activities.clone()) {
            let of = self.expected.recordings_of(one.id);
            self.same(
                || format!("the recordings of {}", one.id),
                &of,
                |reader| reader.recordings_of(one.id),
            );
        }
        let all = self.expected.recordings();
        for one in &all {
            self.same(
                || format!("the recording {}", one.id),
                &Some(one.clone()),
                |reader| reader.recording(one.id),
            );
            self.same(
                || format!("the ids of recordings at {}", one.id),
                &vec![one.id],
                |reader| reader.recording_ids(one.id..=one.id, 6),
            );
            for (from, limit) in [(0, 10), (0, 1), (1, 1), (2, 10)] {
                let chunks = self.expected.chunks(one.id, from, limit);
                self.same(
                    || format!("{limit} chunks of {} from {from}", one.id),
                    &chunks,
                    |reader| reader.chunks(one.id, from, limit),
                );
            }
        }
        for before in std::iter::once(None).chain(all.iter().rev().map(|one| Some(one.id))) {
            let mut newest = all.clone();
            newest.retain(|one| before.is_none_or(|before| one.id < before));
            newest.reverse();
            newest.truncate(2);
            self.same(
                || format!("the 2 newest recordings before {before:?}"),
                &newest,
                |reader| reader.newest_recordings(before, 2),
            );
        }
        let [first, last] = [[0; 16], [0xff; 16]].map(RecordingId::from_bytes);
        let ids: Vec<_> = all.iter().map(|one| one.id).take(3).collect();
        self.same(
            || String::from("the first ids of recordings"),
            &ids,
            |reader| reader.recording_ids(first..=last, 3),
        );
        self.same(
            || String::from("a recording that is not there"),
            &(None, Vec::new()),
            |reader| Ok((reader.recording(first)?, reader.chunks(first, 0, 1)?)),
        );
    }
}

/// Returns about 40 items, evenly spaced.
fn some<T>(all: Vec<T>) -> impl Iterator<Item = T> {
    let step = all.len() / 40 + 1;
    all.into_iter().step_by(step)
}

fn everything() -> RangeInclusive<ActivityId> {
    ActivityId::from_bytes([0; 16])..=ActivityId::from_bytes([0xff; 16])
}

fn plain<R: Plain>(records: Vec<R>) -> Vec<R> {
    records.into_iter().map(Plain::plain).collect()
}

/// More pages than any list has: a list that does not end is an error.
const MAX_PAGES: usize = 5_000;

fn every_page<R: Plain>(
    reader: &mut dyn Reader,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Vec<R>>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let list = R::source(reader).list(filter, cursor, limit)?;
        pages.push(plain(list.records));
        if list.next.is_none() {
            return Ok(pages);
        }
        if list.next == cursor {
            break;
        }
        // Through its text form, as clients do.
        cursor = list.next.map(|next| next.to_string().parse()).transpose()?;
    }
    Err(Error::store("the list does not end"))
}

fn follow<R: Plain>(reader: &mut dyn Reader, filter: &Filter, limit: usize) -> Result<Vec<R>> {
    let (mut records, mut position) = (Vec::new(), Position::START);
    let newest = R::source(reader).newest()?;
    for _ in 0..MAX_PAGES {
        if position == newest {
            return Ok(records);
        }
        let followed = R::source(reader).after(position, filter, limit)?;
        if followed.restarted {
            return Err(Error::store("the store does not know its own position"));
        }
        records.extend(plain::<R>(followed.records));
        position = followed.next.to_string().parse()?;
    }
    Err(Error::store("the newest position is not reached"))
}

fn tree_by_pages(
    reader: &mut dyn Reader,
    root: ActivityId,
    filter: &Filter,
) -> Result<(Vec<ActivityRecord>, u64)> {
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = reader.tree_page(root, filter, cursor, 2)?;
        found.extend(plain(page.activities));
        cursor = page.next;
        if cursor.is_none() {
            return Ok((found, page.total));
        }
    }
    Err(Error::store("the tree does not end"))
}
