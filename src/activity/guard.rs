//! The guard of a running activity: it ends exactly once, whatever happens.

use std::{
    any::Any,
    fmt, mem,
    ops::Deref,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;
use tracing::Span;

use crate::{
    activity::{
        Activity, Describe, current, current::Entered, guarded::guarded, handle::Open, intake,
        lineage::Lineage, span,
    },
    log::ActivityLog,
    pipeline::{CommitWait, EndNotification, Mode, NAME_ROOM, Reservation, Shard, Stage},
    record::{ActivityId, Outcome, Text},
    store::StartedActivity,
};

impl ActivityLog {
    /// Starts an activity, which ends with [`end`](ActivityGuard::end). If the guard is dropped without, it is recorded as
    /// `cancelled`; as `failed` with the error type `panic` if the thread unwinds.
    ///
    /// Its parent is the current activity of this log, unless the description names another.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{Activity, ActivityLog, Describe, Outcome};
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// let rows = log.start(Describe::job("import")).run(|| {
    ///     Activity::current().set("source", "orders.csv");
    ///     42
    /// });
    /// assert_eq!(rows, 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(&self, describe: Describe) -> ActivityGuard {
        self.start_with(describe, None)
    }

    /// Starts an activity for which memory may have been reserved before.
    pub(crate) fn start_with(
        &self,
        describe: Describe,
        reservation: Option<Reservation>,
    ) -> ActivityGuard {
        match self.pipeline() {
            Some(pipeline) => {
                ActivityGuard::start(pipeline.shard(), describe, reservation, Stage::Described)
            }
            None => ActivityGuard::inert(),
        }
    }
}

impl Activity {
    /// Starts a child in the same log; an inert guard if this handle is inert.
    #[cfg(any(feature = "rmcp", feature = "mcp"))]
    pub(crate) fn start_child(&self, describe: Describe) -> ActivityGuard {
        match self.open() {
            Some(open) => {
                let describe = describe.parent(self);
                ActivityGuard::start(&open.shard, describe, None, Stage::Described)
            }
            None => ActivityGuard::inert(),
        }
    }
}

impl ActivityGuard {
    #[inline]
    pub(super) fn start(
        shard: &Arc<Shard>,
        describe: Describe,
        reservation: Option<Reservation>,
        stage: Stage,
    ) -> ActivityGuard {
        let shared = shard.shared();
        let stamp = shared.clock.stamp();
        let id = ActivityId::from_parts(stamp.wall_us, stamp.salt);
        let Describe {
            kind,
            name,
            scope,
            raw,
            mut more,
        } = describe;
        let mut started = StartedActivity {
            id,
            parent: None,
            root: None,
            kind,
            name: shared.intake().text(name),
            scope,
            details: None,
            raw,
        };
        let mut bytes = started.name.heap_bytes() + started.raw.cost();
        let attributes = more.as_mut().map(|more| mem::take(&mut more.attributes));
        let more = more.as_deref();
        let parent = more.and_then(|more| more.parent.as_ref());
        let parent = parent.and_then(|parent| parent.lineage(shared));
        // The named parent's span, since the current span may be any. Below the current activity the current span is nearer.
        let outer = parent.as_ref().and_then(|parent| parent.span.upgrade());
        let lineage = parent.or_else(|| current::find(|activity| activity.lineage(shared)));
        // Most activities have no scope, parent or attributes.
        if let Some(scope) = &mut started.scope {
            shared.intake().scope(scope);
        }
        if let Some(lineage) = lineage {
            lineage.apply(&mut started);
        }
        // An inherited scope counts too: it may outlive the activity that it comes from.
        if let Some(scope) = &started.scope {
            bytes += scope.cost();
        }
        if let Some(attributes) = attributes.filter(|all| !all.is_empty()) {
            let details = started.details.get_or_insert_default();
            bytes += intake::attributes(shared, attributes, details);
        }

        let _entered = outer.as_ref().map(|span| span.enter());
        let span_name = more.and_then(|more| more.span_name.as_ref());
        let on_span = more.map_or(&[][..], |more| &more.on_span);
        let span = span::open(shared, &mut started, span_name, on_span);
        let remote = more.and_then(|more| more.remote_parent.as_ref());
        bytes += span::trace(&mut started, remote, &span);
        let span = (!span.is_disabled()).then(|| Arc::new(span));
        let is_provisional = stage != Stage::Described;
        if is_provisional {
            bytes += NAME_ROOM;
        }
        let kept = (span.is_some() || is_provisional).then(|| {
            let span = span.as_ref().map_or_else(Weak::new, Arc::downgrade);
            let lineage = Lineage::from_started(&started, span);
            Box::new(lineage.with_discarded(is_provisional.then(Arc::default)))
        });
        let details = started.details.as_deref();
        let starts_plain = kept.is_none()
            && started.root.is_none()
            && started.scope.is_none()
            && details.is_none_or(|details| details.trace.is_none());
        let activity = match shard.start(started, stamp.monotonic_ns, bytes, reservation, stage) {
            Ok(key) => Activity::new(shard.clone(), key, kept),
            Err(reason) => Activity::rejected(shard.clone(), reason),
        };
        let mut running = ActivityGuard::new(activity, span);
        // One that was not admitted is counted when it turns out to be on record.
        running.ended &= !is_provisional;
        running.starts_plain = starts_plain;
        if let Some(timeout) = more.and_then(|more| more.timeout) {
            running.deadline_ns = deadline_ns(stamp.monotonic_ns, timeout);
        }
        running
    }
}

/// The deadline of an activity without one.
const NEVER: u64 = u64::MAX;

fn deadline_ns(now_ns: u64, timeout: Duration) -> u64 {
    let timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(NEVER);
    now_ns.saturating_add(timeout_ns)
}

/// Ends a running activity, at the latest when it is dropped.
///
/// It dereferences to [`Activity`], the handle that code inside it gets from [`Activity::current`].
///
/// # Examples
///
/// ```
/// use tower_activity::{ActivityLog, Describe, Outcome};
///
/// # fn main() -> tower_activity::Result<()> {
/// # let log = ActivityLog::open(":memory:")?;
/// let import = log.start(Describe::job("import"));
/// import.set("rows", 42);
/// import.end(Outcome::success());
/// # Ok(())
/// # }
/// ```
#[must_use = "the activity ends as cancelled when its guard is dropped"]
pub struct ActivityGuard {
    pub(super) context: Context,
    ended: bool,
    /// True if its children inherited nothing but its id when it started.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    starts_plain: bool,
    /// True if the thread was unwinding when it started: a drop then does not mean that this activity panicked.
    unwinding: bool,
    /// Flushes of recordings that the response waits for, beside the commit.
    flushes: Vec<oneshot::Receiver<()>>,
    /// When its caller stops waiting, on the log's monotonic clock.
    deadline_ns: u64,
}

impl ActivityGuard {
    fn new(activity: Activity, span: Option<Arc<Span>>) -> Self {
        ActivityGuard {
            ended: activity.open().is_none(),
            context: Context { activity, span },
            starts_plain: false,
            unwinding: thread::panicking(),
            flushes: Vec::new(),
            deadline_ns: NEVER,
        }
    }

    /// Returns a handle, as a clone of it. For an activity that has just started, mostly without a lock.
    #[cfg(feature = "http")]
    pub(crate) fn handle(&self) -> Activity {
        match self.context.activity.open() {
            Some(open) if self.starts_plain => Activity::new(open.shard.clone(), open.key, None),
            _ => self.context.activity.clone(),
        }
    }

    /// A guard that records nothing.
    pub(crate) fn inert() -> Self {
        ActivityGuard::new(Activity::default(), None)
    }

    /// Leaves a guard that records nothing in its place.
    #[cfg(feature = "http")]
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, ActivityGuard::inert())
    }

    /// Ends the activity.
    ///
    /// Never waits: in the mode [`Durable`](crate::Mode::Durable), call [`flush`](crate::ActivityLog::flush) afterwards.
    pub fn end(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    /// Runs a function inside it and ends it as `success` when that returns, whatever it returns; as `failed` with the
    /// error type `panic` when it panics. The panic is resumed.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        self.run_with(work, |_| Outcome::success())
    }

    /// Runs a function inside it and ends it with the outcome that `classify` returns for the function's result; as
    /// `failed` with the error type `panic` when it panics. The panic is resumed.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::{ActivityLog, Describe, Outcome};
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// let parse = log.start(Describe::job("parse"));
    /// let number = parse.run_with(|| "forty-two".parse::<u32>(), Outcome::from_result);
    /// assert!(number.is_err()); // and the activity has failed
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_with<T>(
        mut self,
        work: impl FnOnce() -> T,
        classify: impl FnOnce(&T) -> Outcome,
    ) -> T {
        match self.enter_catching(work) {
            Ok(output) => {
                let outcome = guarded(|| classify(&output));
                self.close(outcome.unwrap_or_else(|| Outcome::failed("classifier_panic")));
                output
            }
            Err(payload) => {
                self.close(panicked(&*payload));
                resume_unwind(payload)
            }
        }
    }

    /// Runs a function with this activity current, without ending it.
    // Inlined, so that a future that is returned is not moved.
    #[inline(always)]
    pub fn enter<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let _entered = self.context.enter();
        work()
    }

    pub(crate) fn enter_catching<T>(
        &mut self,
        work: impl FnOnce() -> T,
    ) -> Result<T, Box<dyn Any + Send>> {
        let _entered = self.context.enter();
        catch_unwind(AssertUnwindSafe(work))
    }

    /// Returns what the response waits for: the flush of its recordings, and the commit of its end. Call it after the end.
    #[inline]
    pub(crate) fn commit(&mut self) -> Option<CommitWait> {
        let open = self.context.activity.open()?;
        let shared = open.shard.shared();
        if self.flushes.is_empty() && shared.config.mode != Mode::Durable {
            return None;
        }
        CommitWait::new(open.key.id, shared, mem::take(&mut self.flushes))
    }

    /// Sets a timeout from now on, unless it has an earlier deadline.
    pub(crate) fn limit(&mut self, timeout: Duration) {
        if let Some(open) = self.context.activity.open() {
            let deadline_ns = deadline_ns(open.shard.shared().clock.monotonic_ns(), timeout);
            self.deadline_ns = self.deadline_ns.min(deadline_ns);
        }
    }

    /// The outcome of a drop: `timeout` if the deadline has passed, else `cancelled`.
    pub(crate) fn dropped(&self) -> Outcome {
        if self.is_late() {
            Outcome::failed("timeout")
        } else {
            Outcome::cancelled()
        }
    }

    /// True if its deadline has passed.
    pub(crate) fn is_late(&self) -> bool {
        let open = self.context.activity.open();
        open.is_some_and(|open| {
            self.deadline_ns != NEVER
                && open.shard.shared().clock.monotonic_ns() >= self.deadline_ns
        })
    }

    /// Takes it as ended, without a record.
    #[cfg(feature = "mcp")]
    pub(super) fn forget(&mut self) {
        self.ended = true;
    }

    /// Ends it, on the first call.
    pub(crate) fn close(&mut self, mut outcome: Outcome) {
        self.close_with(&mut outcome);
    }

    /// Ends it, on the first call, and takes the outcome's texts.
    #[inline]
    pub(crate) fn close_with(&mut self, outcome: &mut Outcome) {
        if mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(open) = self.context.activity.open() {
            let notification = if outcome.error_type.is_none() && outcome.message.is_none() {
                open.shard.end(open.key, outcome.status, |_| ())
            } else {
                self.explain(open, outcome, &[])
            };
            self.notify(notification);
        } else {
            self.context.activity.count_rejected();
        }
    }

    /// Notifies the attached recordings of the end.
    #[inline]
    fn notify(&mut self, notification: Option<Box<EndNotification>>) {
        if let Some(notification) = notification {
            self.flushes = notification.send();
        }
    }

    /// Ends it, on the first call, with numeric attributes whose keys are defined by this crate.
    #[cfg(feature = "http")]
    pub(crate) fn close_with_numbers(
        &mut self,
        outcome: &mut Outcome,
        numbers: &[(&'static str, u64)],
    ) {
        if !mem::replace(&mut self.ended, true)
            && let Some(open) = self.context.activity.open()
        {
            let notification = self.explain(open, outcome, numbers);
            self.notify(notification);
        }
    }

    #[inline(never)]
    fn explain(
        &self,
        open: &Open,
        outcome: &mut Outcome,
        numbers: &[(&'static str, u64)],
    ) -> Option<Box<EndNotification>> {
        let shared = open.shard.shared();
        let error_type = outcome.error_type.take();
        let error_type = error_type.map(|text| shared.intake().text(text));
        let message = (outcome.message.take()).map(|text| shared.intake().message(text));
        if let Some(span) = &self.context.span {
            for (name, number) in numbers {
                span.record(*name, *number);
            }
            if let Some(error_type) = &error_type {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", &**error_type);
            }
        }
        open.shard.end(open.key, outcome.status, |change| {
            for (name, number) in numbers {
                intake::add_at_end(change, name, *number);
            }
            if let Some(error_type) = error_type {
                change.make(error_type.heap_bytes(), |started| {
                    started.details.get_or_insert_default().error_type = Some(error_type);
                    0
                });
            }
            if let Some(message) = message {
                change.make(message.heap_bytes(), |started| {
                    started.details.get_or_insert_default().message = Some(message);
                    0
                });
            }
        })
    }
}

/// The outcome of a panic, with its message.
pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Outcome {
    let message = payload
        .downcast_ref::<&'static str>()
        .map(|text| Text::from((*text).to_owned()))
        .or_else(|| payload.downcast_ref::<String>().map(Text::from));
    match message {
        Some(message) => Outcome::panicked().with_message(message),
        None => Outcome::panicked(),
    }
}

// As for `Activity`: a guard that records a panic is valid afterwards.
impl UnwindSafe for ActivityGuard {}
impl RefUnwindSafe for ActivityGuard {}

impl Deref for ActivityGuard {
    type Target = Activity;

    fn deref(&self) -> &Activity {
        &self.context.activity
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        if !self.ended {
            let panicked = thread::panicking() && !self.unwinding;
            self.close(if panicked {
                Outcome::panicked()
            } else {
                self.dropped()
            });
        }
    }
}

impl fmt::Debug for ActivityGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityGuard")
            .field("activity", &self.context.activity)
            .field("ended", &self.ended)
            .finish()
    }
}

/// The context that code runs in: an activity and its `tracing` span.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) activity: Activity,
    /// `None` without a subscriber for spans.
    pub(super) span: Option<Arc<Span>>,
}

impl Context {
    /// Makes both current until the returned guards are dropped.
    #[inline(always)]
    pub(super) fn enter(&mut self) -> (Option<tracing::span::Entered<'_>>, Entered<'_>) {
        let span = self.span.as_deref().map(Span::enter);
        (span, Entered::new(&mut self.activity))
    }
}
