//! Events: one fact at one instant, standalone or attached to an activity.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    activity::{Activity, Receipt, current, lineage::Lineage},
    log::ActivityLog,
    pipeline::{ReceiptSender, Shard},
    record::{EventId, Scope, Status, Text, scope_setters},
    store::NewEvent,
};

impl ActivityLog {
    /// Creates an event of this type; [`record`](Event::record) records it.
    ///
    /// The type is free text, normalized to snake case: `GithubPush` becomes `github_push`. Inside an activity of this
    /// log the event is attached to the activity and inherits its scope.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::ActivityLog;
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// let log = ActivityLog::open(":memory:")?;
    /// let receipt = log.event("deployment").project("acme").summary("v3 live").record();
    /// assert!(receipt.id().is_some());
    /// receipt.committed().wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn event(&self, event_type: impl Into<Text>) -> Event {
        let Some(pipeline) = self.pipeline() else {
            return Event::new(None, None, event_type.into());
        };
        let lineage = current::find(|activity| activity.lineage(pipeline.shared()));
        Event::new(Some(pipeline.shard().clone()), lineage, event_type.into())
    }
}

impl Activity {
    /// Creates an event of this type that is attached to this activity and inherits its scope;
    /// [`record`](Event::record) records it. If the activity was not admitted, the event is standalone; an inert handle
    /// records nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::Activity;
    ///
    /// Activity::current().event("endpoints_added").count(3).summary("3 endpoints added").record();
    /// ```
    pub fn event(&self, event_type: impl Into<Text>) -> Event {
        let event_type = event_type.into();
        match self.shard_and_lineage() {
            Some((shard, lineage)) => Event::new(Some(shard.clone()), lineage, event_type),
            None => Event::new(None, None, event_type),
        }
    }
}

/// A builder for an event: one fact at one instant. [`record`](Event::record) records it.
///
/// # Examples
///
/// ```
/// use serde_json::json;
/// use tower_activity::{ActivityLog, Status};
///
/// # fn main() -> tower_activity::Result<()> {
/// # let log = ActivityLog::open(":memory:")?;
/// log.event("github_push")
///     .project("acme")
///     .actor("ann")
///     .status(Status::Failed)
///     .summary("remote rejected the push")
///     .reference("refs/heads/main")
///     .data(json!({"commits": 3}))
///     .dedup_key("delivery-7f3a")
///     .record();
/// # Ok(())
/// # }
/// ```
#[must_use = "events are not recorded until `record` is called"]
pub struct Event {
    shard: Option<Arc<Shard>>,
    lineage: Option<Lineage>,
    event_type: Text,
    status: Status,
    scope: Scope,
    summary: Option<Text>,
    count: u64,
    reference: Option<Text>,
    data: Option<Value>,
    dedup_key: Option<Text>,
}

impl Event {
    fn new(shard: Option<Arc<Shard>>, lineage: Option<Lineage>, event_type: Text) -> Self {
        Event {
            shard,
            lineage,
            event_type,
            status: Status::Success,
            scope: Scope::default(),
            summary: None,
            count: 1,
            reference: None,
            data: None,
            dedup_key: None,
        }
    }

    /// Sets the status of what the event reports; `success` by default.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Sets the status from a result. An `Err` is `failed`, and the error becomes the summary, after the summary set so far:
    /// `weekly report: disk full`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::ActivityLog;
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// let pushed: Result<u32, String> = Err("remote rejected the push".into());
    /// log.event("github_push").summary("main").result(&pushed).record();
    /// log.flush().wait()?;
    ///
    /// let events = log.reader()?.events(&Default::default(), None, 10)?;
    /// assert_eq!(events.records[0].status.as_str(), "failed");
    /// assert_eq!(events.records[0].summary.as_deref(), Some("main: remote rejected the push"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn result<T, E: fmt::Display>(self, result: &Result<T, E>) -> Self {
        self.result_with(result, |event, _| event)
    }

    /// Sets the status from a result as [`result`](Self::result) does, and describes an `Ok` with a closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_activity::ActivityLog;
    ///
    /// # fn main() -> tower_activity::Result<()> {
    /// # let log = ActivityLog::open(":memory:")?;
    /// let added: Result<u64, String> = Ok(3);
    /// log.event("endpoints_added")
    ///     .result_with(&added, |event, count| {
    ///         event.count(*count).summary(format!("{count} endpoints added"))
    ///     })
    ///     .record();
    /// # Ok(())
    /// # }
    /// ```
    pub fn result_with<T, E: fmt::Display>(
        mut self,
        result: &Result<T, E>,
        on_success: impl FnOnce(Self, &T) -> Self,
    ) -> Self {
        match result {
            Ok(value) => on_success(self.status(Status::Success), value),
            Err(error) => {
                let summary = match self.summary.take() {
                    Some(summary) => format!("{summary}: {error}"),
                    None => error.to_string(),
                };
                self.status(Status::Failed).summary(summary)
            }
        }
    }

    /// Sets the summary: one line for people. It is redacted, and at most 2 KiB are kept.
    ///
    /// Takes everything that can be displayed:
    ///
    /// ```
    /// use tower_activity::{Activity, Error};
    ///
    /// fn report(user: &str, error: &Error) {
    ///     Activity::current().event("login").summary(user).record();
    ///     Activity::current().event("outage").summary(format_args!("{error:#}")).record();
    /// }
    /// # report("ann", &Error::invalid("no"));
    /// ```
    pub fn summary(mut self, summary: impl fmt::Display) -> Self {
        self.summary = Some(summary.to_string().into());
        self
    }

    /// Sets the summary without a copy.
    #[cfg(feature = "subscriber")]
    pub(super) fn summary_text(mut self, summary: Text) -> Self {
        self.summary = Some(summary);
        self
    }

    /// Sets the number of items it covers; 1 by default.
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Sets what it refers to: a commit, a file, an id in another system. It is redacted, and at most 1 KiB is kept.
    pub fn reference(mut self, reference: impl fmt::Display) -> Self {
        self.reference = Some(reference.to_string().into());
        self
    }

    /// Sets the details as JSON. They are redacted. Data of more than 64 KiB are dropped, and the event is marked
    /// `truncated`.
    pub fn data(mut self, data: impl Into<Value>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets the deduplication key: the store keeps the first event of each key, type, project and actor, and ignores
    /// repeats.
    ///
    /// A key that contains a secret, or is longer than 1 KiB, is dropped: the event is then recorded every time, and
    /// marked `truncated`.
    pub fn dedup_key(mut self, key: impl fmt::Display) -> Self {
        self.dedup_key = Some(key.to_string().into());
        self
    }

    /// Sets everything that the scope names.
    pub fn scope(mut self, scope: &Scope) -> Self {
        self.scope.set(scope);
        self
    }

    scope_setters!();

    fn scope_mut(&mut self) -> &mut Scope {
        &mut self.scope
    }

    /// Records it. Never fails and never waits; the receipt tells whether it was admitted.
    ///
    /// # Loss
    ///
    /// An event that does not fit into the log's memory, or whose type the log does not accept, is rejected and counted: see
    /// [`ActivityLog::accounting`]. An admitted event that is not yet committed is lost if the process is killed.
    pub fn record(self) -> Receipt {
        let Some(shard) = self.shard else {
            return Receipt::nothing();
        };
        let shared = shard.shared();
        let intake = shared.intake();
        let event_type = intake.event_type(self.event_type);
        let listed = |types: &Vec<Text>| {
            let found = types.binary_search_by(|one| one.as_str().cmp(event_type.as_str()));
            found.is_ok()
        };
        let types = shared.config.event_types.as_ref();
        if event_type.is_empty() || !types.is_none_or(listed) {
            return Receipt::rejected(shard.reject_type(), event_type);
        }

        let mut scope = Arc::new(self.scope);
        intake.scope(&mut scope);
        let inherited = self.lineage.as_ref().and_then(|one| one.scope.as_ref());
        if let Some(inherited) = inherited {
            Arc::make_mut(&mut scope).inherit(inherited);
        }
        let stamp = shared.clock.stamp();
        let (answer, answered) = ReceiptSender::channel();
        let id = EventId::from_parts(stamp.wall_us, shared.next_event(), stamp.salt);
        let mut event = NewEvent {
            id,
            at_us: stamp.wall_us,
            event_type: event_type.clone(),
            status: self.status,
            summary: self.summary,
            count: self.count,
            reference: self.reference,
            data: None,
            activity: self.lineage.map(|lineage| lineage.parent),
            scope: None,
            dedup_key: self.dedup_key,
            truncated: false,
        };
        intake.event(&mut event, self.data);
        let texts = [&event.summary, &event.reference, &event.dedup_key];
        let bytes = scope.cost()
            + event_type.heap_bytes()
            + event.data.as_ref().map_or(0, String::capacity)
            + texts
                .into_iter()
                .flatten()
                .map(Text::heap_bytes)
                .sum::<usize>();
        event.scope = Some(scope);
        match shard.event(event, bytes, answer) {
            Ok(()) => Receipt::admitted(id, answered, shared.clone()),
            Err(reason) => Receipt::rejected(reason, event_type),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is not redacted yet.
        f.debug_struct("Event")
            .field("event_type", &self.event_type)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
