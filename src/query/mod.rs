//! The read side: the filter grammar, metrics, digests, and a handle that answers questions.

mod digest;
mod grammar;
mod metrics;
mod reader;
mod zone;

pub use digest::{Digest, DigestQuery, estimated_tokens};
pub use grammar::FilterError;
pub use metrics::{Figures, Metrics, MetricsQuery, Period, Point, Ranked, Step, Window};
pub use reader::ActivityReader;
pub use zone::Zone;
