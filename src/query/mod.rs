//! The read side: the filter grammar, metrics, and a handle that answers questions.

mod grammar;
mod metrics;
mod reader;
mod zone;

pub use grammar::FilterError;
pub use metrics::{Figures, Metrics, MetricsQuery, Period, Point, Ranked, Step, Window};
pub use reader::ActivityReader;
pub use zone::Zone;
