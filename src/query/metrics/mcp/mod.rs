//! MCP calls of a window by server, client and tool, and what models missed.

mod groups;
mod rows;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::groups::CallGroups;
pub use self::rows::{
    CallFigures, CallReason, ErrorTypeCount, McpClient, McpServer, McpTool, MissingTool,
};
use super::{MetricsQuery, Period, Unknown};
use crate::{
    error::Result,
    query::ActivityReader,
    record::{AttributeTest, Filter, Pattern, Text, mcp_attributes as names},
    store::during,
};

/// The ended MCP calls of a window: of tools, prompts and resources.
///
/// These are the activities with the attribute `mcp.method.name` of one of these methods. Of each list at most 10,000 entries are
/// told apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct McpUse {
    /// The window.
    pub window: Period,
    /// The part of the window that is not known: the figures cover the rest. `None` if all is known.
    pub unknown: Option<Unknown>,
    /// The span that is counted: the known part of the window, without the time after the present hour.
    pub counted: Period,
    /// An instant in the previous window, if the store has sums or activities of that time or earlier.
    pub earlier: Option<DateTime<Utc>>,
    /// An instant in the next window, if it has begun.
    pub later: Option<DateTime<Utc>>,
    /// The methods that are counted: those that the query's filter allows. A filter for a method that is none of these has none.
    pub methods: Vec<Text>,
    /// The figures of all calls.
    pub calls: CallFigures,
    /// The servers with the most calls.
    pub servers: Vec<McpServer>,
    /// Number of servers.
    pub server_count: u64,
    /// The clients with the most calls, each version by itself.
    pub clients: Vec<McpClient>,
    /// Number of versions of clients.
    pub client_count: u64,
    /// The tools, prompts and schemes of resources with the most calls.
    pub tools: Vec<McpTool>,
    /// Number of tools, prompts and schemes of resources.
    pub tool_count: u64,
    /// What models missed, reported last first.
    pub missing: Vec<MissingTool>,
    /// Number of different reports.
    pub missing_count: u64,
    /// The newest calls with a reason, newest first.
    pub reasons: Vec<CallReason>,
    /// Number of calls with a reason.
    pub reason_count: u64,
}

impl ActivityReader {
    /// Adds up the MCP calls of a window by server, client and tool, with what models missed and why they called: `limit` entries of
    /// each at most.
    ///
    /// Such sums are not kept: the activities are scanned, from the first instant on from which there are no more than the reader's
    /// scan limit. The time before is unknown. Turns and the step of the query are ignored.
    ///
    /// # Errors
    ///
    /// If the store could not be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use chrono::Utc;
    /// use tower_activity::{ActivityLog, Describe, Outcome, query::{MetricsQuery, Window}};
    ///
    /// let log = ActivityLog::open(":memory:")?;
    /// let call = Describe::tool("search")
    ///     .attribute("mcp.method.name", "tools/call")
    ///     .attribute("mcp.server.name", "files");
    /// log.start(call).end(Outcome::failed("timeout"));
    /// log.flush().wait()?;
    ///
    /// let mcp = log.reader()?.mcp(&MetricsQuery::new(Window::Day, Utc::now()), 50)?;
    /// assert_eq!(mcp.servers[0].name.as_deref(), Some("files"));
    /// assert_eq!(mcp.tools[0].figures.failed, 1);
    /// # Ok::<_, tower_activity::Error>(())
    /// ```
    pub fn mcp(&mut self, query: &MetricsQuery, limit: usize) -> Result<McpUse> {
        let known = self.known(query, true)?;
        let window = known.window;
        let selected = query.full_filter();
        let methods = METHODS
            .into_iter()
            .filter(|method| allows(&selected, method));
        let methods = methods.map(Text::from_static).collect();
        let filter = during(selected.and(&calls()), known.quarters);
        let mut groups = CallGroups::new(limit);
        self.reader
            .scan_attributes(&filter, &mut |call| groups.add(&call))?;
        let has_earlier = self.has_earlier(query, window.quarters().start)?;
        Ok(McpUse {
            window,
            unknown: known.unknown,
            counted: known.counted,
            earlier: has_earlier.then(|| window.start - TimeDelta::seconds(1)),
            later: (window.end <= query.now).then(|| query.later(window)),
            methods,
            calls: groups.calls.figures(),
            server_count: groups.servers.len(),
            servers: groups.servers.most_used(limit),
            client_count: groups.clients.len(),
            clients: groups.clients.most_used(limit),
            tool_count: groups.tools.len(),
            tools: groups.tools.most_used(limit),
            missing_count: groups.missing.len(),
            missing: groups.missing.newest(limit),
            reason_count: groups.reasons,
            reasons: groups.newest_reasons(),
        })
    }
}

/// The methods of calls: not those of requests of servers to their clients.
const METHODS: [&str; 3] = [names::CALL_TOOL, names::GET_PROMPT, names::READ_RESOURCE];

/// Returns false for a method that the filter excludes.
fn allows(filter: &Filter, method: &str) -> bool {
    let method = Value::from(method);
    let choice = filter.attributes.get(names::METHOD);
    choice.is_none_or(|choice| choice.allows(|test| test.matches(&method)))
}

/// Returns a filter for MCP calls.
fn calls() -> Filter {
    let mut filter = Filter::default();
    let of_method = filter.attributes.entry(names::METHOD.to_owned());
    let tests = METHODS.map(|method| AttributeTest::Is(Pattern::exact(method)));
    of_method.or_default().any_of.extend(tests);
    filter
}
