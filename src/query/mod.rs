//! Reading a log: lists, metrics, digests and exports.
//!
//! An [`ActivityReader`] reads a store, also while others record there, and never writes to it. With it you
//!
//! - list, follow and find activities and events ([`list`](ActivityReader::list), [`after`](ActivityReader::after),
//!   [`find`](ActivityReader::find)), selected by a [`Filter`](crate::record::Filter): its grammar is parsed by
//!   [`Filter::parse`](crate::record::Filter::parse);
//! - compute [`Metrics`] in the viewer's time zone, and group failures ([`errors`](ActivityReader::errors)) or find the root
//!   cause of one ([`root_cause`](crate::store::Reader::root_cause)), add up MCP calls ([`mcp`](ActivityReader::mcp));
//! - render a [`Digest`] of recent events for the prompt of a language model;
//! - [`Export`] records as JSON Lines, CSV or CloudEvents.
//!
//! # Examples
//!
//! ```
//! use chrono::Utc;
//! use tower_activity::{ActivityLog, Describe, Outcome, query::{MetricsQuery, Window}, record::Filter};
//!
//! let log = ActivityLog::open(":memory:")?;
//! log.start(Describe::tool("search")).end(Outcome::failed("timeout"));
//! log.flush().wait()?;
//!
//! let mut reader = log.reader()?;
//! let failed = Filter::parse("status:failed since:1h", Utc::now())?;
//! assert_eq!(reader.page(&failed, None, 50)?.records[0].name, "search");
//! let today = reader.metrics(&MetricsQuery::new(Window::Day, Utc::now()))?;
//! assert_eq!(today.current.failed, Some(1));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

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
pub use metrics::{
    CallFigures, CallReason, DurationCount, ErrorGroup, ErrorTypeCount, Errors, EventTypes,
    Figures, McpClient, McpServer, McpTool, McpUse, Metrics, MetricsQuery, MissingTool, Period,
    Point, Ranked, Ranking, Step, Unknown, UnknownReason, Window,
};
pub use reader::ActivityReader;
#[cfg(feature = "recording")]
pub use recording::RecordingTail;
#[cfg(all(feature = "recording", feature = "web"))]
pub(crate) use recording::decode;
pub use zone::Zone;

pub use crate::store::Grouping;
