//! The handle of a running activity, for the code inside it.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, Weak},
};

use serde::Serialize;
use serde_json::Value;
use tracing::Span;

#[cfg(feature = "recording")]
use crate::pipeline::EndListener;
use crate::{
    activity::{intake, lineage::Lineage, span},
    pipeline::{Rejection, Shard, Shared, SlotKey},
    record::{ActivityId, Capture, Scope, Text, TraceContext},
    redact::RawPreview,
    store::{Payloads, StartedActivity},
};

/// A handle of a running activity: adds attributes and scope to it, and starts work inside it.
///
/// [`Activity::current`] returns it anywhere below a recorded call. Outside of one, and when the call was not admitted, the
/// handle is *inert*: nothing panics, nothing is recorded. A handle of an ended activity still serves as a parent, and
/// changes nothing else.
///
/// # Examples
///
/// ```
/// use tower_activity::Activity;
///
/// fn load_user(id: u32) {
///     let activity = Activity::current();
///     activity.set("user.rows", 1);
///     activity.set_actor(format!("user-{id}"));
/// }
/// load_user(7); // outside of any activity: does nothing
/// ```
#[derive(Default)]
pub struct Activity(State);

#[derive(Default)]
enum State {
    #[default]
    Inert,
    /// Not admitted: inert, except that events inside it go to its log.
    Rejected {
        shard: Arc<Shard>,
        #[cfg_attr(not(feature = "mcp"), allow(dead_code))]
        reason: Rejection,
    },
    Open(Open),
}

/// Kept small: it moves onto the stack of current activities and back for every poll.
pub(super) struct Open {
    pub(super) shard: Arc<Shard>,
    pub(super) key: SlotKey,
    /// What children inherit once the activity has ended, if that is more than its id: in handles that may outlive it, and
    /// in all handles of an activity with a span.
    lineage: Option<Box<Lineage>>,
}

impl Activity {
    /// The inert handle.
    pub(super) const INERT: Activity = Activity(State::Inert);

    /// Returns its id; `None` for an inert handle.
    pub fn id(&self) -> Option<ActivityId> {
        self.open().map(|open| open.key.id)
    }

    /// Returns its trace context, to propagate to other services; `None` for an inert handle.
    ///
    /// `layer::PropagateLayer` propagates it for HTTP clients (feature `http`). The trace is marked as sampled unless a
    /// tracing system says otherwise, because this program records its part. A request of MCP that is not a call is recorded
    /// if its trace context is read, because others may refer to it.
    pub fn trace_context(&self) -> Option<TraceContext> {
        Some(self.open()?.lineage_of_child()?.trace_context())
    }

    /// Sets an attribute, replacing one of the same key. It is redacted first. At most 64 attributes of 4 KiB each are kept;
    /// beyond that the activity is marked `truncated`.
    pub fn set(&self, key: impl Into<Text>, value: impl Into<Value>) {
        if let Some(open) = self.open() {
            let attribute = (open.shard.shared().intake()).attribute(key.into(), value.into());
            if let Some(span) = self.span() {
                span::note(&span, &attribute.key, &attribute.value);
            }
            open.shard
                .update(open.key, intake::cost(&attribute), |started| {
                    intake::keep(attribute, started.details.get_or_insert_default())
                });
        }
    }

    /// Sets a numeric attribute whose key is defined by this crate, such as a status or a size. It needs no redaction.
    #[cfg(feature = "http")]
    pub(crate) fn set_number(&self, key: &'static str, number: u64) {
        if let Some(open) = self.open() {
            let attribute = intake::number(key, number);
            if let Some(span) = self.span() {
                span.record(key, number);
            }
            open.shard
                .update(open.key, intake::cost(&attribute), |started| {
                    intake::keep(attribute, started.details.get_or_insert_default())
                });
        }
    }

    /// Sets everything that the scope names. Children that start later inherit it.
    pub fn set_scope(&self, scope: &Scope) {
        if self.open().is_none() {
            return;
        }
        let set: [fn(&Activity, Text); 7] = [
            Activity::set_project,
            Activity::set_agent,
            Activity::set_actor,
            Activity::set_brand,
            Activity::set_environment,
            Activity::set_session,
            Activity::set_request,
        ];
        for (set, text) in set.into_iter().zip(scope.texts()) {
            if let Some(text) = text {
                set(self, text.clone());
            }
        }
    }

    /// Sets the project it belongs to. Children that start later inherit it.
    pub fn set_project(&self, project: impl Into<Text>) {
        self.set_scope_text(project.into(), |scope, text| scope.project = Some(text));
    }

    /// Sets the agent that asked for it.
    pub fn set_agent(&self, agent: impl Into<Text>) {
        self.set_scope_text(agent.into(), |scope, text| scope.agent = Some(text));
    }

    /// Sets the user on whose behalf it runs, once that is known: after authentication, for example.
    pub fn set_actor(&self, actor: impl Into<Text>) {
        self.set_scope_text(actor.into(), |scope, text| scope.actor = Some(text));
    }

    /// Sets the site or product it is for.
    pub fn set_brand(&self, brand: impl Into<Text>) {
        self.set_scope_text(brand.into(), |scope, text| scope.brand = Some(text));
    }

    /// Sets the environment.
    pub fn set_environment(&self, environment: impl Into<Text>) {
        self.set_scope_text(environment.into(), |scope, text| {
            scope.environment = Some(text);
        });
    }

    /// Sets the client's session or conversation.
    pub fn set_session(&self, session: impl Into<Text>) {
        self.set_scope_text(session.into(), |scope, text| scope.session = Some(text));
    }

    /// Sets the client's request id.
    pub fn set_request(&self, request: impl Into<Text>) {
        self.set_scope_text(request.into(), |scope, text| scope.request = Some(text));
    }

    /// Sets the preview of its input. It is redacted, then capped.
    pub fn set_input(&self, payload: &impl Serialize, capture: Capture) {
        self.set_payload(|| intake::payload(payload, capture), |all| &mut all.input);
    }

    /// Sets the preview of its output. It is redacted, then capped.
    pub fn set_output(&self, payload: &impl Serialize, capture: Capture) {
        self.set_payload(|| intake::payload(payload, capture), |all| &mut all.output);
    }

    /// Sets the preview of an input of which only the beginning is there.
    #[cfg(feature = "mcp")]
    pub(crate) fn set_cut_input(&self, start: &impl Serialize, capture: Capture) {
        self.set_payload(|| intake::beginning(start, capture), |all| &mut all.input);
    }

    /// Sets the preview of an output of which only the beginning is there.
    #[cfg(feature = "mcp")]
    pub(crate) fn set_cut_output(&self, start: &impl Serialize, capture: Capture) {
        self.set_payload(|| intake::beginning(start, capture), |all| &mut all.output);
    }

    /// Sets the preview of a payload; `None`: it stays as it is.
    fn set_payload(
        &self,
        captured: impl FnOnce() -> Option<Box<RawPreview>>,
        of: impl FnOnce(&mut Payloads) -> &mut Option<Box<RawPreview>>,
    ) {
        if let Some(open) = self.open()
            && let Some(captured) = captured()
        {
            open.shard.update(open.key, captured.cost(), |started| {
                let replaced =
                    of(&mut started.details.get_or_insert_default().captured).replace(captured);
                replaced.map_or(0, |old| old.cost())
            });
        }
    }

    /// The shard that holds it; `None` for an inert handle.
    #[cfg(feature = "recording")]
    pub(crate) fn shard(&self) -> Option<&Arc<Shard>> {
        self.open().map(|open| &open.shard)
    }

    /// Registers a listener for its end. Returns false if it has ended, is inert, or belongs to another log.
    #[cfg(feature = "recording")]
    pub(crate) fn add_end_listener(
        &self,
        log: &Arc<Shared>,
        listener: Arc<dyn EndListener>,
    ) -> bool {
        let open = self.open_in(log);
        open.is_some_and(|open| open.shard.add_end_listener(open.key, listener))
    }

    /// True if it is running and belongs to this log.
    #[cfg(feature = "recording")]
    pub(crate) fn runs_in(&self, log: &Arc<Shared>) -> bool {
        let open = self.open_in(log);
        open.is_some_and(|open| open.shard.runs(open.key))
    }

    #[cfg(feature = "recording")]
    fn open_in(&self, log: &Arc<Shared>) -> Option<&Open> {
        let open = self.open();
        open.filter(|open| Arc::ptr_eq(open.shard.shared(), log))
    }

    /// Replaces its name.
    #[cfg(feature = "http")]
    pub(crate) fn rename(&self, name: &'static str) {
        if let Some(open) = self.open() {
            open.shard.update(open.key, 0, |started| {
                std::mem::replace(&mut started.name, Text::from_static(name)).heap_bytes()
            });
        }
    }

    /// A handle of the activity in a slot; with the lineage of its children, if the slot does not have all of it.
    pub(super) fn new(shard: Arc<Shard>, key: SlotKey, lineage: Option<Box<Lineage>>) -> Self {
        Activity(State::Open(Open {
            shard,
            key,
            lineage,
        }))
    }

    /// Its span, while it runs; `None` without a subscriber for spans.
    pub(super) fn span(&self) -> Option<Arc<Span>> {
        self.open()?.lineage.as_ref()?.span.upgrade()
    }

    /// Counts a provisional activity that was not admitted, and is not discarded.
    #[cold]
    pub(super) fn count_rejected(&self) {
        #[cfg(feature = "mcp")]
        if let State::Rejected { shard, reason } = &self.0 {
            shard.count_rejected(*reason);
        }
    }

    pub(super) fn rejected(shard: Arc<Shard>, reason: Rejection) -> Self {
        Activity(State::Rejected { shard, reason })
    }

    /// True if `current`, entered after it, belongs to another log.
    #[inline]
    pub(super) fn is_hidden_by(&self, current: &Activity) -> bool {
        match (self.open(), current.open()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(one), Some(current)) => !Arc::ptr_eq(one.shard.shared(), current.shard.shared()),
        }
    }

    #[inline]
    pub(super) fn open(&self) -> Option<&Open> {
        match &self.0 {
            State::Open(open) => Some(open),
            State::Inert | State::Rejected { .. } => None,
        }
    }

    /// The shard for events inside it, and what they inherit: nothing if it was not admitted.
    pub(super) fn shard_and_lineage(&self) -> Option<(&Arc<Shard>, Option<Lineage>)> {
        match &self.0 {
            State::Open(open) => Some((&open.shard, open.lineage_of_child())),
            State::Rejected { shard, .. } => Some((shard, None)),
            State::Inert => None,
        }
    }

    /// What a child in the same log inherits from it.
    pub(super) fn lineage(&self, log: &Arc<Shared>) -> Option<Lineage> {
        let open = self.open()?;
        let is_same = Arc::ptr_eq(open.shard.shared(), log);
        is_same.then(|| open.lineage_of_child()).flatten()
    }

    fn set_scope_text(&self, text: Text, change: impl FnOnce(&mut Scope, Text)) {
        if let Some(open) = self.open() {
            let text = open.shard.shared().intake().text(text);
            let added = size_of::<Scope>() + text.heap_bytes();
            open.shard.update(open.key, added, |started| {
                let before = started.scope.as_ref().map_or(0, |scope| scope.cost());
                let scope = started.scope.get_or_insert_default();
                change(Arc::make_mut(scope), text);
                (before + added).saturating_sub(scope.cost())
            });
        }
    }
}

// A panic cannot leave an activity half-changed: its slot changes in steps that do not panic.
impl UnwindSafe for Activity {}
impl RefUnwindSafe for Activity {}

impl Open {
    /// Returns the scope and trace that a child inherits; once it has ended, those that this handle has kept.
    pub(super) fn lineage(&self) -> Lineage {
        let live = self.shard.read(self.key, |started| self.live(started));
        self.kept_if_ended(live)
    }

    /// As [`lineage`](Self::lineage), for a child or an event that refers to the activity. `None` if it was discarded: there is
    /// nothing to refer to.
    fn lineage_of_child(&self) -> Option<Lineage> {
        let live = self.shard.refer(self.key, |started| self.live(started));
        let kept = self.lineage.as_deref();
        let is_discarded = live.is_none() && kept.is_some_and(Lineage::is_discarded);
        (!is_discarded).then(|| self.kept_if_ended(live))
    }

    /// True if it was a provisional activity, and was discarded.
    #[cfg(feature = "subscriber")]
    pub(super) fn is_discarded(&self) -> bool {
        let kept = self.lineage.as_deref();
        kept.is_some_and(Lineage::is_discarded) && self.shard.read(self.key, |_| ()).is_none()
    }

    /// Notes whether a provisional activity was discarded, for all its handles.
    #[cfg(feature = "mcp")]
    pub(super) fn set_discarded(&self, is_discarded: bool) {
        if let Some(kept) = &self.lineage {
            kept.set_discarded(is_discarded);
        }
    }

    fn live(&self, started: &StartedActivity) -> Lineage {
        let kept = self.lineage.as_deref();
        let span = kept.map_or_else(Weak::new, |kept| kept.span.clone());
        let discarded = kept.and_then(Lineage::discarded);
        Lineage::from_started(started, span).with_discarded(discarded)
    }

    fn kept_if_ended(&self, live: Option<Lineage>) -> Lineage {
        live.or_else(|| self.lineage.as_deref().cloned())
            .unwrap_or_else(|| Lineage::from_id(self.key.id))
    }
}

impl Clone for Activity {
    fn clone(&self) -> Self {
        Activity(match &self.0 {
            State::Inert => State::Inert,
            State::Rejected { shard, reason } => State::Rejected {
                shard: shard.clone(),
                reason: *reason,
            },
            State::Open(open) => State::Open(Open {
                shard: open.shard.clone(),
                key: open.key,
                lineage: Some(open.lineage())
                    .filter(|lineage| !lineage.is_plain())
                    .map(Box::new),
            }),
        })
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            Some(id) => f.debug_tuple("Activity").field(&id).finish(),
            None => f.write_str("Activity(inert)"),
        }
    }
}
