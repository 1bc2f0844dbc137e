//! Activities that start before anything says what they are: a request whose body names the call.
//!
//! They are current for the code inside as any other, and are on record once they are described or end.

use std::sync::Arc;

use tracing::Span;

use crate::{
    activity::{ActivityGuard, Describe, describe::More, intake, span},
    log::ActivityLog,
    pipeline::Stage,
    store::Attribute,
};

impl ActivityLog {
    /// Starts a provisional activity, with what is known of it.
    pub(crate) fn start_provisional(&self, describe: Describe) -> ActivityGuard {
        match self.pipeline() {
            Some(pipeline) => {
                ActivityGuard::start(pipeline.shard(), describe, None, Stage::Provisional)
            }
            None => ActivityGuard::inert(),
        }
    }
}

impl ActivityGuard {
    /// Describes a provisional activity. What was set before stays, unless the description names it; so does the parent, unless
    /// another record refers to the activity. A timeout is ignored. Without memory for all of it, the kind and the name are set.
    pub(crate) fn settle(&self, describe: Describe) {
        let Some(open) = self.open() else {
            return;
        };
        let shared = open.shard.shared();
        let accept = shared.intake();
        let Describe {
            kind,
            name,
            mut scope,
            raw,
            more,
        } = describe;
        let name = accept.text(name);
        let More {
            attributes,
            parent,
            remote_parent,
            span_name,
            on_span,
            timeout: _,
        } = more.map_or_else(More::default, |more| *more);
        let raw = raw.iter().map(|one| accept.raw_attribute(one));
        let others = attributes
            .into_iter()
            .map(|(key, value)| accept.attribute(key, value));
        let attributes: Vec<Attribute> = raw.chain(others).collect();
        if let Some(span) = self.span() {
            let span_name = span_name.map(|name| accept.text(name));
            span.record("otel.name", &**span_name.as_ref().unwrap_or(&name));
            span.record("activity.kind", kind.as_str());
            for (field, value) in &on_span {
                span.record(*field, &*accept.text(value.clone()));
            }
            for attribute in &attributes {
                span::note(&span, &attribute.key, &attribute.value);
            }
        }
        let parent = parent.and_then(|parent| parent.lineage(shared));
        let mut bytes = name.heap_bytes();
        if let Some(scope) = &mut scope {
            accept.scope(scope);
            bytes += scope.cost();
        }
        bytes += attributes.iter().map(intake::cost).sum::<usize>();
        open.shard
            .settle(open.key, bytes, |started, is_referenced, has_room| {
                let mut freed = started.name.heap_bytes();
                (started.kind, started.name) = (kind, name);
                if !has_room {
                    return 0;
                }
                if let Some(mut scope) = scope {
                    if let Some(before) = &started.scope {
                        Arc::make_mut(&mut scope).inherit(before);
                        freed += before.cost();
                    }
                    started.scope = Some(scope);
                }
                if let Some(parent) = parent.filter(|_| !is_referenced) {
                    parent.apply(started);
                }
                let kept = started.details.get_or_insert_default();
                for attribute in attributes {
                    freed += intake::keep(attribute, kept);
                }
                let is_own = kept.trace.is_none();
                if let Some(remote) = remote_parent.filter(|_| is_own) {
                    span::trace(started, Some(&remote), &Span::none());
                }
                freed
            });
    }

    /// Removes a provisional activity, as if it had never started. Returns it if another record refers to it.
    pub(crate) fn discard(mut self) -> Result<(), Self> {
        let Some(open) = self.open() else {
            self.forget();
            return Ok(());
        };
        // Before the slot is gone: from then on handles look at it.
        open.set_discarded(true);
        if open.shard.discard(open.key) {
            self.forget();
            return Ok(());
        }
        open.set_discarded(false);
        Err(self)
    }
}
