//! What a child inherits from its parent.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tracing::Span;

use crate::{
    record::{ActivityId, Scope, SpanId, TraceContext, TraceId},
    store::{StartedActivity, Trace},
};

/// What a child inherits from its parent.
#[derive(Debug, Clone)]
pub(super) struct Lineage {
    pub(super) parent: ActivityId,
    pub(super) root: ActivityId,
    pub(super) scope: Option<Arc<Scope>>,
    /// The parent's trace, if it does not follow from the ids.
    trace: Option<Box<Trace>>,
    /// The parent's span; gone once the parent has ended.
    pub(super) span: Weak<Span>,
    /// Of a parent that started as a provisional activity: whether it was discarded.
    discarded: Option<Arc<AtomicBool>>,
}

impl Lineage {
    /// The lineage of the children of a running activity.
    pub(super) fn from_started(started: &StartedActivity, span: Weak<Span>) -> Self {
        let details = started.details.as_deref();
        Lineage {
            parent: started.id,
            root: started.root.unwrap_or(started.id),
            scope: started.scope.clone(),
            trace: details.and_then(|details| details.trace.clone()),
            span,
            discarded: None,
        }
    }

    /// Adds whether the parent, which started as a provisional activity, was discarded.
    pub(super) fn with_discarded(mut self, discarded: Option<Arc<AtomicBool>>) -> Self {
        self.discarded = discarded;
        self
    }

    /// The flag of a parent that started as a provisional activity.
    pub(super) fn discarded(&self) -> Option<Arc<AtomicBool>> {
        self.discarded.clone()
    }

    /// The lineage of the children of an ended activity of which only the id is known.
    pub(super) fn from_id(id: ActivityId) -> Self {
        Lineage {
            parent: id,
            root: id,
            scope: None,
            trace: None,
            span: Weak::new(),
            discarded: None,
        }
    }

    /// True if it equals [`from_id`](Self::from_id) of its parent.
    pub(super) fn is_plain(&self) -> bool {
        self.root == self.parent
            && self.scope.is_none()
            && self.trace.is_none()
            && self.span.strong_count() == 0
            && self.discarded.is_none()
    }

    /// Notes whether the parent was discarded.
    #[cfg(feature = "mcp")]
    pub(super) fn set_discarded(&self, is_discarded: bool) {
        if let Some(discarded) = &self.discarded {
            discarded.store(is_discarded, Relaxed);
        }
    }

    /// True if the parent was discarded, and is not on record.
    pub(super) fn is_discarded(&self) -> bool {
        let discarded = self.discarded.as_ref();
        discarded.is_some_and(|discarded| discarded.load(Relaxed))
    }

    /// Makes an activity a child of the parent.
    pub(super) fn apply(self, child: &mut StartedActivity) {
        child.parent = Some(self.parent);
        child.root = Some(self.root);
        match (&mut child.scope, self.scope) {
            (Some(scope), Some(inherited)) => Arc::make_mut(scope).inherit(&inherited),
            (Some(_), None) => {}
            (none, inherited) => *none = inherited,
        }
        if let Some(mut trace) = self.trace {
            (trace.span, trace.remote_parent) = (None, None);
            child.details.get_or_insert_default().trace = Some(trace);
        }
    }

    /// The parent's trace context.
    pub(super) fn trace_context(self) -> TraceContext {
        let trace = self
            .trace
            .map_or_else(|| Trace::own(TraceId::from_root(self.root)), |trace| *trace);
        let span = trace.span.unwrap_or(SpanId::from_activity(self.parent));
        TraceContext::new(trace.id, span, trace.flags, trace.state)
    }
}
