//! Records as plain data: activities, events and recordings, their ids and scopes, and filters of them.

mod activity;
mod capture;
mod duration;
mod event;
mod failure;
mod filter;
mod fingerprint;
mod fnv;
mod fold;
mod id;
mod kind;
pub(crate) mod mcp_attributes;
mod outcome;
mod recording;
mod scope;
mod similar;
mod sketch;
mod snake_case;
mod status;
mod sums;
mod text;
mod trace;
mod tree_layout;

pub use activity::{ActivityRecord, Preview};
pub use capture::Capture;
pub(crate) use duration::parse_duration;
pub use event::EventRecord;
#[cfg(feature = "rmcp")]
pub(crate) use failure::causes;
pub use filter::{AttributeTest, Choice, DurationRange, Field, Filter, Has, Is, Pattern, Words};
pub(crate) use filter::{
    Needle, WORDS_VERSION, append_words, attribute_terms, attributes_match, contains_literal,
    json_object_texts, json_texts, normalize_words, parse_number,
};
pub use fingerprint::{Fingerprint, message_template};
pub(crate) use fnv::fnv1a;
pub(crate) use fold::fold;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use id::LAST_US;
pub use id::{ActivityId, EventId, InstanceId, RecordingId};
pub use kind::Kind;
pub use outcome::Outcome;
#[cfg(feature = "recording")]
pub(crate) use recording::MAX_CHUNK_BYTES;
pub use recording::{ChunkRecord, Codec, RecordingLink, RecordingRecord, RecordingStatus};
pub use scope::Scope;
pub(crate) use scope::scope_setters;
pub(crate) use similar::most_similar;
pub use sketch::Sketch;
pub(crate) use sketch::{read_varint, write_varint};
pub(crate) use snake_case::snake_case;
pub use status::Status;
pub use sums::Sums;
pub use text::Text;
pub use trace::{SpanId, TraceContext, TraceId};
pub use tree_layout::{Branch, TreeLayout};
