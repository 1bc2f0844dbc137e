//! Answers that are added up from records one by one: what a store gives that keeps nothing ready for them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, Result},
    record::{ActivityId, ActivityRecord, EventRecord, Filter, Has, Kind, Status, Sums, Text},
    store::{
        ActivitySample, Bucket, Cursor, Dimension, LARGEST_PAGE, LARGEST_SCAN, Quarter, Reader,
        Record, Source, Subject, Total, TreePage, TurnStats, TypeCount,
        sums::{ALL, AgentQuarter, Nesting, Span, TurnBuckets},
    },
};

/// Takes each record that a filter means, newest first. Fails where they are too many, or a list does not go on.
fn each<R: Record, S: Reader + Source<R> + ?Sized>(
    store: &mut S,
    filter: &Filter,
    take: &mut dyn FnMut(R),
) -> Result<()> {
    let (mut cursor, mut seen) = (None, 0);
    loop {
        store.options().check("read the records one by one")?;
        let list = Source::<R>::list(store, filter, cursor, LARGEST_PAGE)?;
        seen += list.records.len();
        if seen > LARGEST_SCAN {
            return Err(Error::invalid(format!(
                "this store adds answers up from its records, and `{filter}` means more than {LARGEST_SCAN}: name a shorter \
                 time with `since:` and `until:`"
            )));
        }
        if list.next.is_some() && (list.next == cursor || list.records.is_empty()) {
            return Err(Error::store("the list of records does not go on"));
        }
        list.records.into_iter().for_each(&mut *take);
        cursor = list.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

pub(super) fn ids(
    store: &mut (impl Reader + ?Sized),
    range: &RangeInclusive<ActivityId>,
    limit: usize,
) -> Result<Vec<ActivityId>> {
    let end = range.end().started_at();
    let filter = Filter {
        since: Some(range.start().started_at()),
        until: end.checked_add_signed(TimeDelta::microseconds(1)),
        ..Filter::default()
    };
    let mut ids = Vec::new();
    each(store, &filter, &mut |one: ActivityRecord| {
        ids.extend(Some(one.id).filter(|id| range.contains(id)));
    })?;
    ids.sort_unstable();
    ids.truncate(limit.clamp(1, LARGEST_PAGE));
    Ok(ids)
}

pub(super) fn tree(
    store: &mut (impl Reader + ?Sized),
    root: ActivityId,
) -> Result<Vec<ActivityRecord>> {
    let mut tree = Vec::new();
    each(store, &Filter::default(), &mut |one: ActivityRecord| {
        tree.extend(Some(one).filter(|one| one.root == root || one.id == root));
    })?;
    tree.sort_by_key(|one| one.id);
    Ok(tree)
}

pub(super) fn tree_page(
    store: &mut (impl Reader + ?Sized),
    root: ActivityId,
    filter: &Filter,
    after: Option<Cursor<ActivityRecord>>,
    limit: usize,
) -> Result<TreePage> {
    ActivityRecord::check_filter(filter)?;
    let mut activities = tree(store, root)?;
    activities.retain(|one| filter.matches(one));
    let total = activities.len() as u64;
    activities.retain(|one| after.is_none_or(|after| one.id > after.id()));
    let limit = limit.clamp(1, LARGEST_PAGE);
    let more = activities.len() > limit;
    activities.truncate(limit);
    let last = activities.last().map(|last| Cursor::after(last.id));
    Ok(TreePage::new(activities, total, last.filter(|_| more)))
}

pub(super) fn events_of(
    store: &mut (impl Reader + ?Sized),
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>> {
    let mut inside = Filter::default();
    inside.has.any_of.push(Has::Parent);
    let mut events = Vec::new();
    each(store, &inside, &mut |one: EventRecord| {
        events.extend(Some(one).filter(|one| one.activity == Some(activity)));
    })?;
    events.sort_by_key(|one| one.id);
    let more = events.len().saturating_sub(limit.clamp(1, LARGEST_PAGE));
    events.drain(..more);
    Ok(events)
}

pub(super) fn samples(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
    take: &mut dyn FnMut(ActivitySample),
) -> Result<()> {
    ActivityRecord::check_filter(filter)?;
    let mut turns = ended(Filter::default());
    turns.kind.any_of.push(Kind::Turn);
    // The agents that say what their turns are.
    let mut saying = HashSet::<Text>::new();
    each(store, &turns, &mut |one: ActivityRecord| {
        saying.extend(one.scope.agent);
    })?;
    let mut found = Vec::new();
    each(store, &ended(filter.clone()), &mut |one: ActivityRecord| {
        let is_turn = match &one.scope.agent {
            _ if one.kind == Kind::Turn => true,
            Some(agent) => one.root == one.id && !saying.contains(agent),
            None => false,
        };
        found.push((one.id, ActivitySample::new(one, is_turn)));
    })?;
    found.sort_unstable_by_key(|(id, _)| *id);
    found.into_iter().for_each(|(_, one)| take(one));
    Ok(())
}

/// The sums of the quarters of an hour in which something started.
pub(super) fn buckets(store: &mut (impl Reader + ?Sized), filter: &Filter) -> Result<Vec<Bucket>> {
    let mut buckets = BTreeMap::<Quarter, Sums>::new();
    each(store, &ended(filter.clone()), &mut |one: ActivityRecord| {
        let quarter = Quarter::containing(one.started_at);
        let sums = buckets.entry(quarter).or_default();
        sums.add(one.status, one.duration_ns);
    })?;
    Ok(in_order(buckets))
}

fn in_order(buckets: BTreeMap<Quarter, Sums>) -> Vec<Bucket> {
    let bucket = |(quarter, sums)| Bucket::new(quarter, sums);
    buckets.into_iter().map(bucket).collect()
}

/// The same, and the pace of agents in them.
pub(crate) fn sums_and_turns(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
) -> Result<(Vec<Bucket>, Vec<TurnStats>)> {
    let mut buckets = BTreeMap::<Quarter, Sums>::new();
    let mut agents = HashMap::<Text, Line>::new();
    let mut paces = TurnBuckets::default();
    store.scan(filter, &mut |one| {
        let quarter = one.quarter();
        let sums = buckets.entry(quarter).or_default();
        sums.add(one.status, one.duration_ns);
        if let Some(agent) = one.agent {
            let nesting = if one.is_turn {
                Nesting::Turn
            } else {
                Nesting::Nested
            };
            let stretch = AgentQuarter::new(one.started_us, nesting);
            agents
                .entry(agent)
                .or_default()
                .add(quarter.number(), &stretch, &mut paces);
        }
    })?;
    agents.into_values().for_each(|line| line.end(&mut paces));
    Ok((in_order(buckets), paces.into_stats()))
}

/// What one agent did, of which no more is kept than its last quarters: there may be many agents.
#[derive(Default)]
struct Line {
    /// The quarter that is being added to.
    now: Option<(i64, AgentQuarter)>,
    /// The last one before it in which it was active, and in which it took turns.
    active: Option<(i64, Span)>,
    turns: Option<(i64, Span)>,
}

impl Line {
    /// Adds what did not start before that which was added.
    fn add(&mut self, quarter: i64, stretch: &AgentQuarter, paces: &mut TurnBuckets) {
        match &mut self.now {
            Some((now, sum)) if *now == quarter => sum.add(stretch),
            now => {
                let before = now.replace((quarter, *stretch));
                self.count(before, paces);
            }
        }
    }

    fn end(mut self, paces: &mut TurnBuckets) {
        let last = self.now.take();
        self.count(last, paces);
    }

    fn count(&mut self, done: Option<(i64, AgentQuarter)>, paces: &mut TurnBuckets) {
        let Some((quarter, stretch)) = done else {
            return;
        };
        let span = stretch.turns_of(true);
        let active = self.active.replace((quarter, span));
        paces.add_active(
            ALL,
            1,
            &active.into_iter().chain(self.active).collect(),
            quarter,
        );
        if span.count > 0 {
            let turns = self.turns.replace((quarter, span));
            paces.add_turns(
                ALL,
                1,
                &turns.into_iter().chain(self.turns).collect(),
                quarter,
            );
        }
    }
}

/// The sums of each of a dimension, in no order, and for agents their turns.
pub(crate) fn totals(
    store: &mut (impl Reader + ?Sized),
    by: Dimension,
    filter: &Filter,
) -> Result<Vec<Total>> {
    // Beside each, when its first turn started.
    let mut totals = HashMap::<Text, (Total, Option<i64>)>::new();
    store.scan(filter, &mut |one| {
        let Some(id) = one.id(by) else { return };
        let total = totals.entry(id.clone());
        let (total, first) =
            total.or_insert_with(|| (Total::new(id.clone(), Sums::default()), None));
        total.sums.add(one.status, one.duration_ns);
        if by == Dimension::Agent && one.is_turn {
            total.turns += 1;
            let first = *first.get_or_insert(one.started_us);
            total.turn_span_us = one.started_us.abs_diff(first);
        }
    })?;
    Ok(totals.into_values().map(|(total, _)| total).collect())
}

pub(super) fn event_types(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
) -> Result<Vec<TypeCount>> {
    let mut types = HashMap::<Text, TypeCount>::new();
    each(store, filter, &mut |one: EventRecord| {
        let counted = types.entry(one.event_type.clone());
        let counted = counted.or_insert_with(|| TypeCount::new(one.event_type));
        counted.events += 1;
        counted.failed += u64::from(one.status == Status::Failed);
        counted.count = counted.count.saturating_add(one.count);
    })?;
    Ok(types.into_values().collect())
}

/// Looked for by halves, as a list knows where it ends.
pub(super) fn oldest_quarter(store: &mut (impl Reader + ?Sized)) -> Result<Option<Quarter>> {
    let mut any_before = |until: Option<Quarter>| {
        let mut filter = ended(Filter::default());
        filter.until = until.and_then(Quarter::start);
        let one = Source::<ActivityRecord>::list(store, &filter, None, 1)?;
        Ok::<_, Error>(!one.records.is_empty())
    };
    if !any_before(None)? {
        return Ok(None);
    }
    // Nothing started before the first, something did before the last ends.
    let (mut first, mut last) = (0, Quarter::containing(DateTime::<Utc>::MAX_UTC).number());
    while first < last {
        let middle = first + (last - first) / 2;
        match any_before(Some(Quarter::from_number(middle + 1)))? {
            true => last = middle,
            false => first = middle + 1,
        }
    }
    Ok(Some(Quarter::from_number(first)))
}

pub(super) fn is_known(store: &mut (impl Reader + ?Sized), subject: &Subject) -> Result<bool> {
    if *subject == Subject::Overall {
        return Ok(true);
    }
    let one = Source::<ActivityRecord>::list(store, &ended(subject.filter()), None, 1)?;
    Ok(!one.records.is_empty())
}

/// The filter for what started in these quarters.
pub(crate) fn during(filter: Filter, quarters: Range<Quarter>) -> Filter {
    let at = |quarter: Quarter| match quarter.start() {
        None if quarter.number() < 0 => DateTime::<Utc>::MIN_UTC,
        start => start.unwrap_or(DateTime::<Utc>::MAX_UTC),
    };
    let window = Filter {
        since: Some(at(quarters.start)),
        until: Some(at(quarters.end)),
        ..Filter::default()
    };
    filter.and(&window)
}

/// The same filter without what runs.
fn ended(mut filter: Filter) -> Filter {
    filter.status.none_of.push(Status::Running);
    filter
}
