//! The `tracing` span of an activity, and its trace.

use serde_json::Value;
use tracing::{Span, field::Empty};

use crate::{
    pipeline::Shared,
    record::{Text, TraceContext, TraceId},
    store::{StartedActivity, TRACE_LINK, Trace},
};

/// The attribute for the status code of an RPC response.
#[cfg(any(
    feature = "http",
    feature = "mcp",
    feature = "rmcp",
    feature = "tower-mcp"
))]
pub(crate) const RPC_STATUS_CODE: &str = "rpc.response.status_code";
/// The attribute for a remote trace that an activity does not continue, because its parent belongs to another trace.
const LINK: Text = Text::from_static(TRACE_LINK);
/// The cost of that attribute: a `traceparent` and its entry.
const LINK_COST: usize = 256;

/// Creates the span of an activity as a child of the current span, with a name and fields that may differ from the
/// activity's.
///
/// The fields of a span are fixed at compile time: these are OpenTelemetry's names for what the layers of this crate
/// record. `mcp/names.rs` names their version.
pub(super) fn open(
    shared: &Shared,
    started: &mut StartedActivity,
    name: Option<&Text>,
    fields: &[(&'static str, Text)],
) -> Span {
    let name = name.map(|name| shared.intake().text(name.clone()));
    let span = tracing::info_span!(
        target: "tower_activity",
        "activity",
        otel.name = &**name.as_ref().unwrap_or(&started.name),
        otel.kind = Empty,
        otel.status_code = Empty,
        error.type = Empty,
        activity.id = %started.id,
        activity.kind = started.kind.as_str(),
        client.address = Empty,
        http.request.method = Empty,
        http.response.status_code = Empty,
        http.route = Empty,
        network.protocol.version = Empty,
        url.path = Empty,
        url.scheme = Empty,
        user_agent.original = Empty,
        mcp.method.name = Empty,
        mcp.protocol.version = Empty,
        mcp.resource.uri = Empty,
        mcp.session.id = Empty,
        jsonrpc.request.id = Empty,
        network.transport = Empty,
        gen_ai.operation.name = Empty,
        gen_ai.tool.name = Empty,
        gen_ai.prompt.name = Empty,
        gen_ai.conversation.id = Empty,
        gen_ai.agent.id = Empty,
        gen_ai.agent.name = Empty,
        rpc.response.status_code = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    for (field, value) in fields {
        span.record(*field, &*shared.intake().text(value.clone()));
    }
    // A span gets them now.
    if !started.raw.is_empty() {
        shared.intake().raw_attributes(started);
    }
    let attributes = started.details.as_ref().map(|details| &details.attributes);
    for (key, value) in attributes.into_iter().flatten() {
        note(&span, key, value);
    }
    let agent = started
        .scope
        .as_ref()
        .and_then(|scope| scope.agent.as_deref());
    if let Some(agent) = agent {
        span.record("gen_ai.agent.id", agent);
    }
    span
}

/// Records an attribute on a span, if it is one of the fields above.
pub(super) fn note(span: &Span, key: &str, value: &Value) {
    match value {
        Value::String(text) => span.record(key, text.as_str()),
        Value::Number(number) if number.is_u64() => span.record(key, number.as_u64()),
        other => span.record(key, other.to_string()),
    };
}

/// Sets the trace of an activity: its parent's, else its remote caller's, else its own. Returns the cost in bytes.
#[inline]
pub(super) fn trace(
    started: &mut StartedActivity,
    remote: Option<&TraceContext>,
    span: &Span,
) -> usize {
    let details = started.details.as_deref();
    let inherited = details.and_then(|details| details.trace.as_deref());
    match inherited {
        // It follows from the ids.
        None if remote.is_none() && span.is_disabled() => 0,
        Some(inherited) if remote.is_none() && span.is_disabled() => inherited.cost(),
        _ => set_trace(started, remote, span),
    }
}

fn set_trace(started: &mut StartedActivity, remote: Option<&TraceContext>, span: &Span) -> usize {
    let own = TraceId::from_root(started.root.unwrap_or(started.id));
    let inherited = started
        .details
        .as_mut()
        .and_then(|details| details.trace.take());
    let mut trace = inherited.map(|trace| *trace);
    let mut bytes = 0;
    if let Some(remote) = remote {
        let id = trace.as_ref().map_or(own, |trace| trace.id);
        if started.parent.is_none() {
            trace = Some(Trace {
                flags: remote.flags(),
                state: remote.state().map(|state| Text::from(state.to_owned())),
                ..Trace::own(remote.trace_id())
            });
        }
        if started.parent.is_none() || remote.trace_id() == id {
            trace.get_or_insert(Trace::own(id)).remote_parent = Some(remote.span_id());
        } else {
            let details = started.details.get_or_insert_default();
            details.add(LINK, Value::from(remote.to_string()));
            bytes += LINK_COST;
        }
    }
    otel::join(span, &mut trace, own);
    if let Some(trace) = trace {
        bytes += trace.cost();
        started.details.get_or_insert_default().trace = Some(Box::new(trace));
    }
    bytes
}

/// Without OpenTelemetry an activity keeps its own ids.
#[cfg(not(feature = "opentelemetry"))]
mod otel {
    use tracing::Span;

    use crate::{record::TraceId, store::Trace};

    pub(super) fn join(_: &Span, _: &mut Option<Trace>, _: TraceId) {}
}

/// Adopts the ids that `tracing-opentelemetry` gives to the span, if it does.
#[cfg(feature = "opentelemetry")]
mod otel {
    use opentelemetry::{
        Context,
        trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
    };
    use tracing::Span;
    use tracing_opentelemetry::OpenTelemetrySpanExt;

    use crate::{
        record::{SpanId, Text, TraceId},
        store::Trace,
    };

    pub(super) fn join(span: &Span, trace: &mut Option<Trace>, own: TraceId) {
        if span.is_disabled() {
            return;
        }
        let remote = trace.as_ref().and_then(remote);
        if let Some(remote) = remote
            // A current span that already belongs to the remote trace is the nearer parent.
            && Span::current().context().span().span_context().trace_id() != remote.trace_id()
        {
            // It fails if no OpenTelemetry layer is installed, and the span then needs no parent.
            let _ = span.set_parent(Context::new().with_remote_span_context(remote));
        }
        let context = span.context();
        let context = context.span().span_context().clone();
        let id = TraceId::from_bytes(context.trace_id().to_bytes());
        if let (Some(id), Some(step)) = (id, SpanId::from_bytes(context.span_id().to_bytes())) {
            let trace = trace.get_or_insert(Trace::own(own));
            trace.id = id;
            trace.span = Some(step);
            trace.flags = context.trace_flags().to_u8();
            let state = context.trace_state().header();
            trace.state = (!state.is_empty()).then(|| Text::from(state));
        }
    }

    /// The remote caller's context, as OpenTelemetry's type.
    fn remote(trace: &Trace) -> Option<SpanContext> {
        let state = trace
            .state
            .as_deref()
            .and_then(|state| state.parse::<TraceState>().ok());
        Some(SpanContext::new(
            opentelemetry::trace::TraceId::from_bytes(*trace.id.as_bytes()),
            opentelemetry::trace::SpanId::from_bytes(*trace.remote_parent?.as_bytes()),
            TraceFlags::new(trace.flags),
            true,
            state.unwrap_or_default(),
        ))
    }
}
