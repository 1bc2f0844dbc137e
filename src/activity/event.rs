//! Events: one fact at one instant, free or inside of an activity.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    activity::{Activity, Receipt, current, lineage::Lineage},
    log::ActivityLog,
    pipeline::{ReceiptSender, Shard},
    record::{EventId, Scope, Status, Text},
    store::NewEvent,
};

impl ActivityLog {
    /// Begins an event of this type: [`record`](Event::record) puts it on record.
    ///
    /// The type is free text with one spelling: `GithubPush` is kept as `github_push`. Inside of an activity of
    /// this log the event belongs to it and inherits its scope.
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
    /// Begins an event of this type that belongs to this activity and inherits its scope:
    /// [`record`](Event::record) puts it on record. Where the activity was not admitted the event stands by itself;
    /// outside of any it goes nowhere.
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
        match self.place() {
            Some((shard, lineage)) => Event::new(Some(shard.clone()), lineage, event_type),
            None => Event::new(None, None, event_type),
        }
    }
}

/// An event that is being described: one fact at one instant. [`record`](Event::record) puts it on record.
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
///     .summary("the push was refused")
///     .reference("refs/heads/main")
///     .data(json!({"commits": 3}))
///     .dedup_key("delivery-7f3a")
///     .record();
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is recorded without `record`"]
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

    /// Sets how what it tells of stands or ended; `success` by default.
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// Sets what happened, in one line for people. It is redacted, and at most 2 KiB are kept.
    pub fn summary(mut self, summary: impl Into<Text>) -> Self {
        self.summary = Some(summary.into());
        self
    }

    /// Sets how many things it tells of; 1 by default.
    pub fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Sets what it is about: a commit, a file, an id elsewhere. It is redacted, and at most 1 KiB is kept.
    pub fn reference(mut self, reference: impl Into<Text>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// Sets the details. They are redacted; more than 64 KiB are not kept, and the event is marked `truncated`.
    pub fn data(mut self, data: impl Into<Value>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets the key that makes a re-fired event one event: the store keeps the first event of each key, type, project
    /// and actor.
    ///
    /// A key that holds a secret, or has more than 1 KiB, is not kept: such an event is recorded each time, and
    /// marked `truncated`.
    pub fn dedup_key(mut self, key: impl Into<Text>) -> Self {
        self.dedup_key = Some(key.into());
        self
    }

    /// Sets the project it belongs to.
    pub fn project(mut self, project: impl Into<Text>) -> Self {
        self.scope.project = Some(project.into());
        self
    }

    /// Sets the agent that caused it.
    pub fn agent(mut self, agent: impl Into<Text>) -> Self {
        self.scope.agent = Some(agent.into());
        self
    }

    /// Sets the user on whose behalf it happened.
    pub fn actor(mut self, actor: impl Into<Text>) -> Self {
        self.scope.actor = Some(actor.into());
        self
    }

    /// Sets the site or product it is for.
    pub fn brand(mut self, brand: impl Into<Text>) -> Self {
        self.scope.brand = Some(brand.into());
        self
    }

    /// Sets the environment, where it is not the log's.
    pub fn environment(mut self, environment: impl Into<Text>) -> Self {
        self.scope.environment = Some(environment.into());
        self
    }

    /// Sets the client's session or conversation.
    pub fn session(mut self, session: impl Into<Text>) -> Self {
        self.scope.session = Some(session.into());
        self
    }

    /// Sets the client's id of the request.
    pub fn request(mut self, request: impl Into<Text>) -> Self {
        self.scope.request = Some(request.into());
        self
    }

    /// Puts it on record. Never fails and waits for nothing; the receipt says whether it was admitted.
    ///
    /// # Loss
    ///
    /// What does not fit into the log's memory, and a type that the log does not take, is counted: see
    /// [`ActivityLog::accounting`]. What is admitted and not yet committed is lost when the process is killed.
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
        // What was said about it is not yet redacted.
        f.debug_struct("Event")
            .field("event_type", &self.event_type)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
