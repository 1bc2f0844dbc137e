//! Trace ids, span ids and W3C Trace Context, level 1.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    error::Error,
    record::{ActivityId, Text},
};

/// The most bytes of a `tracestate` that are propagated: the minimum that the standard requires.
const MAX_STATE_BYTES: usize = 512;
/// The length of a `traceparent`: version, trace id, span id and flags, with dashes between them.
const TRACEPARENT_BYTES: usize = 55;
/// The flag `sampled`: the caller records its part of the trace.
const SAMPLED: u8 = 1;

/// The id of a trace: 16 bytes, not all of them zero. Its text form is hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span in a trace: 8 bytes, not all of them zero. Its text form is hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// Returns the trace id of a tree that continues no other trace: its root's id.
    pub fn from_root(root: ActivityId) -> Self {
        TraceId(*root.as_bytes())
    }
}

impl SpanId {
    /// Returns the span id of an activity that has not been assigned another one: the second half of its id.
    pub fn from_activity(activity: ActivityId) -> Self {
        // Never all zeros: it contains the variant of the UUID.
        let [_, _, _, _, _, _, _, _, half @ ..] = *activity.as_bytes();
        SpanId(half)
    }
}

macro_rules! hexadecimal {
    ($id:ident, $bytes:literal, $what:literal) => {
        impl $id {
            /// Returns the bytes, most significant first.
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Creates an id from bytes, most significant first; `None` if all are zero.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some($id(bytes))
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $id {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let bytes = bytes(text).and_then($id::from_bytes);
                bytes.ok_or_else(|| Error::invalid(format!(concat!("{:?} is not ", $what), text)))
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hexadecimal!(TraceId, 16, "a trace id");
hexadecimal!(SpanId, 8, "a span id");

/// The trace context of a request: from the headers `traceparent` and `tracestate`, or from the keys with these names in the
/// `_meta` of an MCP request. It is displayed as a `traceparent`.
///
/// # Examples
///
/// ```
/// use tower_activity::record::TraceContext;
///
/// let context = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None)
///     .ok_or("no traceparent")?;
/// assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
/// assert_eq!(context.to_string(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
/// # Ok::<_, &str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
    state: Option<Text>,
}

impl TraceContext {
    /// Parses a `traceparent` and its `tracestate`; `None` if the `traceparent` is invalid. A `tracestate` of more than 512
    /// bytes is dropped.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        let (head, rest) = traceparent.split_at_checked(TRACEPARENT_BYTES)?;
        let mut parts = head.split('-');
        let [version] = bytes(parts.next()?)?;
        // Later versions may append fields.
        let extended = version > 0 && rest.starts_with('-');
        if version == 0xff || !(rest.is_empty() || extended) {
            return None;
        }
        let trace_id = TraceId::from_bytes(bytes(parts.next()?)?)?;
        let span_id = SpanId::from_bytes(bytes(parts.next()?)?)?;
        let [flags] = bytes(parts.next()?)?;
        let state = tracestate.filter(|state| !state.is_empty() && state.len() <= MAX_STATE_BYTES);
        Some(TraceContext {
            trace_id,
            span_id,
            flags,
            state: state.map(|state| state.to_owned().into()),
        })
    }

    /// Creates a context from its parts.
    pub(crate) fn new(trace_id: TraceId, span_id: SpanId, flags: u8, state: Option<Text>) -> Self {
        TraceContext {
            trace_id,
            span_id,
            flags,
            state,
        }
    }

    /// Returns the trace id.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns the id of the parent span.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// Returns the trace flags: bit 0 is set if the caller records its part.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Returns the flags of a trace that starts here, which is recorded.
    pub(crate) const fn own_flags() -> u8 {
        SAMPLED
    }

    /// Returns the `tracestate`, which tracing systems propagate.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id, flags) = (self.trace_id, self.span_id, self.flags);
        write!(f, "00-{trace_id}-{span_id}-{flags:02x}")
    }
}

/// Parses exactly `N` bytes of lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[track_caller]
    fn check(traceparent: &str, expected: Option<&str>) {
        let read = TraceContext::parse(traceparent, None).map(|context| context.to_string());
        assert_eq!(read.as_deref(), expected, "{traceparent}");
    }

    #[test]
    fn only_what_the_standard_allows_is_read() {
        check(VALID, Some(VALID));
        check(&VALID.replace("00-0", "cc-0"), Some(VALID));
        check(
            &format!("{}-later", VALID.replace("00-0", "cc-0")),
            Some(VALID),
        );
        check(&format!("{VALID}-later"), None);
        check(&format!("{VALID}x"), None);
        check(&VALID.replace("00-0", "ff-0"), None);
        check(&VALID.to_uppercase(), None);
        check(
            &VALID.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            None,
        );
        check(&VALID.replace("b7ad6b7169203331", &"0".repeat(16)), None);
        check(&VALID[..54], None);
        check("", None);
        check(&"ä".repeat(40), None);
        check(&VALID.replace('-', "_"), None);
    }

    #[test]
    fn a_state_is_kept_within_the_limit() {
        let state = |state: &str| {
            let context = TraceContext::parse(VALID, Some(state));
            context.and_then(|context| context.state().map(str::len))
        };
        assert_eq!(state("congo=t61rcWkgMzE"), Some(17));
        assert_eq!(state(&"x".repeat(512)), Some(512));
        assert_eq!(state(&"x".repeat(513)), None);
        assert_eq!(state(""), None);
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_panics(traceparent in "\\PC{0,80}", state in "\\PC{0,20}") {
            let _ = TraceContext::parse(&traceparent, Some(&state));
        }

        #[test]
        fn a_context_survives_its_text_form(trace: [u8; 16], span: [u8; 8], flags: u8) {
            let (Some(trace), Some(span)) = (TraceId::from_bytes(trace), SpanId::from_bytes(span)) else {
                return Ok(());
            };
            let context = TraceContext::new(trace, span, flags, None);
            prop_assert_eq!(TraceContext::parse(&context.to_string(), None), Some(context));
            prop_assert_eq!(trace.to_string().parse::<TraceId>().ok(), Some(trace));
            prop_assert_eq!(span.to_string().parse::<SpanId>().ok(), Some(span));
        }

        #[test]
        fn an_activity_has_a_span_of_its_own(us in 0i64..4_102_444_800_000_000, random: u64) {
            let id = ActivityId::from_parts(us, random);
            prop_assert_eq!(SpanId::from_bytes(*SpanId::from_activity(id).as_bytes()), Some(SpanId::from_activity(id)));
            prop_assert_eq!(TraceId::from_root(id).to_string(), id.to_string().replace('-', ""));
        }
    }
}
