//! The default methods of readers, which scan records one by one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::{Range, RangeInclusive},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, Result},
    record::{
        ActivityId, ActivityRecord, EventRecord, Filter, Fingerprint, Has, Kind, Status, Sums, Text,
    },
    store::{
        ActivitySample, AttributeSample, Bucket, Cursor, Descendants, Dimension, FailedNode,
        FailureGroup, FailureSums, GroupTotals, Grouping, LARGEST_PAGE, Quarter, Reader, Record,
        Source, Subject, Total, TreePage, TurnHistory, TurnStats, Turns, TypeCount,
        path_to_root_cause,
        sums::{ALL, AgentQuarter, Nesting, Span, TurnBuckets},
    },
};

/// Passes each record that matches a filter to `take`, newest first.
///
/// # Errors
///
/// If there are more records than the scan limit, or the cursor of a list does not advance.
fn for_each<R: Record, S: Reader + Source<R> + ?Sized>(
    store: &mut S,
    filter: &Filter,
    take: &mut dyn FnMut(R),
) -> Result<()> {
    let (mut cursor, mut seen) = (None, 0);
    loop {
        store.options().check("scan the records")?;
        let list = Source::<R>::list(store, filter, cursor, LARGEST_PAGE)?;
        seen += list.records.len();
        let limit = store.options().largest_scan();
        if seen > limit {
            return Err(too_many(filter, limit));
        }
        if list.next.is_some() && (list.next == cursor || list.records.is_empty()) {
            return Err(Error::store("the cursor of the list does not advance"));
        }
        list.records.into_iter().for_each(&mut *take);
        cursor = list.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Returns the error of a scan that exceeds its limit.
pub(crate) fn too_many(filter: &Filter, limit: usize) -> Error {
    let records = match filter.to_string().as_str() {
        "" => String::from("this store has"),
        filter => format!("`{filter}` matches"),
    };
    Error::invalid(format!(
        "cannot scan the records: {records} more than {limit} · narrow the time range with `since:` and `until:`"
    ))
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
    for_each(store, &filter, &mut |one: ActivityRecord| {
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
    for_each(store, &Filter::default(), &mut |one: ActivityRecord| {
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

pub(super) fn descendants(
    store: &mut (impl Reader + ?Sized),
    roots: &[ActivityId],
    filter: &Filter,
) -> Result<Vec<Descendants>> {
    let mut counts: HashMap<ActivityId, HashMap<Status, u64>> =
        roots.iter().map(|root| (*root, HashMap::new())).collect();
    for_each(store, filter, &mut |one: ActivityRecord| {
        let of_root = counts.get_mut(&one.root).filter(|_| one.id != one.root);
        if let Some(of_root) = of_root {
            *of_root.entry(one.status).or_default() += 1;
        }
    })?;
    let counts = counts.into_iter();
    Ok(counts
        .filter_map(|(root, counts)| Descendants::new(root, counts))
        .collect())
}

pub(super) fn root_cause(
    store: &mut (impl Reader + ?Sized),
    activity: &ActivityRecord,
    filter: &Filter,
) -> Result<Vec<ActivityRecord>> {
    ActivityRecord::check_filter(filter)?;
    let tree = store.tree(activity.root)?;
    let visible = tree.iter().filter(|one| filter.matches(one));
    let failed: Vec<_> = visible.filter_map(FailedNode::new).collect();
    let parents = tree.iter().map(|one| (one.id, one.parent)).collect();
    let inside = descendants_of(&parents, activity.id);
    let path = path_to_root_cause(activity.id, &failed, |one| inside.contains(&one.id));
    let mut records: HashMap<_, _> = tree.into_iter().map(|one| (one.id, one)).collect();
    Ok(path.iter().filter_map(|id| records.remove(id)).collect())
}

/// Returns `of` and its descendants, by the parents of a tree's activities.
pub(crate) fn descendants_of(
    parents: &HashMap<ActivityId, Option<ActivityId>>,
    of: ActivityId,
) -> HashSet<ActivityId> {
    let mut children = HashMap::<ActivityId, Vec<ActivityId>>::new();
    for (id, parent) in parents {
        if let Some(parent) = parent {
            children.entry(*parent).or_default().push(*id);
        }
    }
    let (mut found, mut open) = (HashSet::new(), vec![of]);
    while let Some(id) = open.pop() {
        // Another program may have written a circle.
        if found.insert(id) {
            open.extend(children.remove(&id).unwrap_or_default());
        }
    }
    found
}

pub(super) fn events_of(
    store: &mut (impl Reader + ?Sized),
    activity: ActivityId,
    limit: usize,
) -> Result<Vec<EventRecord>> {
    let mut inside = Filter::default();
    inside.has.any_of.push(Has::Parent);
    let mut events = Vec::new();
    for_each(store, &inside, &mut |one: EventRecord| {
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
    // Agents that record activities of kind `turn`.
    let mut turn_agents = HashSet::<Text>::new();
    for_each(store, &turns, &mut |one: ActivityRecord| {
        turn_agents.extend(one.scope.agent);
    })?;
    let mut found = Vec::new();
    for_each(store, &ended(filter.clone()), &mut |one: ActivityRecord| {
        let is_turn = match &one.scope.agent {
            _ if one.kind == Kind::Turn => true,
            Some(agent) => one.root == one.id && !turn_agents.contains(agent),
            None => false,
        };
        found.push((one.id, ActivitySample::new(one, is_turn)));
    })?;
    found.sort_unstable_by_key(|(id, _)| *id);
    found.into_iter().for_each(|(_, one)| take(one));
    Ok(())
}

pub(super) fn attributes(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
    take: &mut dyn FnMut(AttributeSample),
) -> Result<()> {
    for_each(store, &ended(filter.clone()), &mut |one: ActivityRecord| {
        take(one.into());
    })
}

/// Groups the failures that match a filter.
pub(super) fn failures(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
) -> Result<Vec<FailureGroup>> {
    let mut sums = FailureSums::default();
    let failed = filter.clone().and(&failed());
    for_each(store, &failed, &mut |one: ActivityRecord| sums.add(&one))?;
    Ok(sums.finish())
}

/// Finds the first failure with each of these fingerprints.
pub(super) fn first_failures(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
    of: &[Fingerprint],
) -> Result<HashMap<Fingerprint, ActivityId>> {
    let mut first = HashMap::new();
    let failed = filter.clone().and(&failed());
    for_each(store, &failed, &mut |one: ActivityRecord| {
        if let Some(fingerprint) = Fingerprint::of(&one).filter(|own| of.contains(own)) {
            let first = first.entry(fingerprint).or_insert(one.id);
            *first = one.id.min(*first);
        }
    })?;
    Ok(first)
}

fn failed() -> Filter {
    let mut failed = Filter::default();
    failed.status.any_of.push(Status::Failed);
    failed
}

/// Returns the buckets of the activities that match `filter`, without empty ones.
pub(super) fn buckets(store: &mut (impl Reader + ?Sized), filter: &Filter) -> Result<Vec<Bucket>> {
    let mut buckets = BTreeMap::<Quarter, Sums>::new();
    for_each(store, &ended(filter.clone()), &mut |one: ActivityRecord| {
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

/// Returns the turn statistics of a subject.
pub(super) fn turn_stats(
    store: &mut (impl Reader + ?Sized),
    of: &Subject,
    quarters: Range<Quarter>,
) -> Result<TurnHistory> {
    let from = quarters.start;
    let mut samples = SampleSums::default();
    store.scan(&during(of.filter(), quarters), &mut |one| samples.add(one))?;
    Ok(TurnHistory::new(from, samples.finish().1))
}

/// Adds up samples by quarter hour, with the turns of agents. They must be in order of start.
#[derive(Default)]
pub(crate) struct SampleSums {
    buckets: BTreeMap<Quarter, Sums>,
    agents: HashMap<Text, AgentTail>,
    turns: TurnBuckets,
}

impl SampleSums {
    pub(crate) fn add(&mut self, one: ActivitySample) {
        let quarter = one.quarter();
        let sums = self.buckets.entry(quarter).or_default();
        sums.add(one.status, one.duration_ns);
        if let Some(agent) = one.agent {
            let nesting = if one.is_turn {
                Nesting::Turn
            } else {
                Nesting::Nested
            };
            let one = AgentQuarter::new(one.started_us, nesting);
            let agent = self.agents.entry(agent).or_default();
            agent.add(quarter.number(), &one, &mut self.turns);
        }
    }

    /// Returns the buckets and the turn statistics, in order, without empty ones.
    pub(crate) fn finish(mut self) -> (Vec<Bucket>, Vec<TurnStats>) {
        let agents = self.agents.into_values();
        agents.for_each(|agent| agent.finish(&mut self.turns));
        (in_order(self.buckets), self.turns.into_stats())
    }
}

/// The last quarter hours of one agent. Earlier ones are already added up, as there may be many agents.
#[derive(Default)]
struct AgentTail {
    /// The quarter hour that samples are added to.
    current: Option<(i64, AgentQuarter)>,
    /// The previous one in which the agent was active, and the one in which it took turns.
    active: Option<(i64, Span)>,
    turns: Option<(i64, Span)>,
}

impl AgentTail {
    /// Adds a sample that did not start before the last one.
    fn add(&mut self, number: i64, quarter: &AgentQuarter, turns: &mut TurnBuckets) {
        match &mut self.current {
            Some((current, sum)) if *current == number => sum.add(quarter),
            current => {
                let done = current.replace((number, *quarter));
                self.count(done, turns);
            }
        }
    }

    fn finish(mut self, turns: &mut TurnBuckets) {
        let last = self.current.take();
        self.count(last, turns);
    }

    fn count(&mut self, done: Option<(i64, AgentQuarter)>, buckets: &mut TurnBuckets) {
        let Some((number, quarter)) = done else {
            return;
        };
        let span = quarter.turns_of(true);
        let active = self.active.replace((number, span));
        buckets.add_active(
            ALL,
            1,
            &active.into_iter().chain(self.active).collect(),
            number,
        );
        if span.count > 0 {
            let turns = self.turns.replace((number, span));
            buckets.add_turns(
                ALL,
                1,
                &turns.into_iter().chain(self.turns).collect(),
                number,
            );
        }
    }
}

/// Returns the sums of each value of a dimension, in no particular order.
pub(super) fn totals(
    store: &mut (impl Reader + ?Sized),
    by: Dimension,
    filter: &Filter,
) -> Result<Vec<Total>> {
    let mut samples = SampleTotals::new(by);
    store.scan(filter, &mut |one| samples.add(&one))?;
    Ok(samples.finish())
}

/// Adds up samples by the values of a dimension. They may be in any order.
pub(crate) struct SampleTotals {
    by: Dimension,
    /// The sums, and the turns of each agent.
    totals: HashMap<Text, (Sums, HashMap<Text, Span>)>,
}

impl SampleTotals {
    pub(crate) fn new(by: Dimension) -> Self {
        SampleTotals {
            by,
            totals: HashMap::new(),
        }
    }

    pub(crate) fn add(&mut self, one: &ActivitySample) {
        let Some(id) = one.id(self.by) else { return };
        let (sums, agents) = self.totals.entry(id.clone()).or_default();
        sums.add(one.status, one.duration_ns);
        if let Some(agent) = &one.agent {
            agents.entry(agent.clone()).or_default().add(Span {
                count: one.is_turn.into(),
                first_us: one.started_us,
                last_us: one.started_us,
            });
        }
    }

    /// Returns the totals in no particular order.
    pub(crate) fn finish(self) -> Vec<Total> {
        let total = |(id, (sums, agents)): (Text, (Sums, HashMap<Text, Span>))| {
            let mut turns = Turns::default();
            agents.values().for_each(|span| turns.add_agent(span));
            Total::new(id, sums, Some(turns))
        };
        self.totals.into_iter().map(total).collect()
    }
}

/// Adds up the ended activities that match a filter by group.
pub(super) fn totals_by(
    store: &mut (impl Reader + ?Sized),
    by: &Grouping,
    filter: &Filter,
) -> Result<Vec<Total>> {
    let mut totals = GroupTotals::default();
    let filter = ended(by.filter().and(filter));
    for_each(store, &filter, &mut |one: ActivityRecord| {
        if let Some(id) = by.value(&one) {
            totals.add(id, one.status, one.duration_ns);
        }
    })?;
    Ok(totals.finish())
}

pub(super) fn event_types(
    store: &mut (impl Reader + ?Sized),
    filter: &Filter,
) -> Result<Vec<TypeCount>> {
    let mut types = HashMap::<Text, TypeCount>::new();
    for_each(store, filter, &mut |one: EventRecord| {
        let counted = types.entry(one.event_type.clone());
        let counted = counted.or_insert_with(|| TypeCount::new(one.event_type));
        counted.add(one.status, 1, one.count);
    })?;
    Ok(types.into_values().collect())
}

/// Found by bisection: each step lists one activity that started before an instant.
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
    // Nothing started before `first`, something started before the end of `last`.
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

/// Restricts a filter to activities that started in these quarter hours.
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

/// Restricts a filter to ended activities.
fn ended(mut filter: Filter) -> Filter {
    filter.status.none_of.push(Status::Running);
    filter
}
