//! The read side: the filter grammar, metrics, digests, exports, and a handle that answers questions.

mod details;
mod digest;
mod export;
mod grammar;
mod id_prefix;
mod metrics;
mod reader;
#[cfg(feature = "recording")]
mod recording;
mod zone;

pub use details::ActivityDetails;
pub use digest::{Digest, DigestQuery, TokenBudget, count_tokens, estimated_tokens, one_line};
pub use export::{CloudEvent, Export, ExportRecord, Format};
pub use grammar::FilterError;
pub use metrics::{Figures, Metrics, MetricsQuery, Period, Point, Ranked, Step, Window};
pub use reader::ActivityReader;
#[cfg(feature = "recording")]
pub use recording::RecordingTail;
#[cfg(all(feature = "recording", feature = "web"))]
pub(crate) use recording::decode;
pub use zone::Zone;
