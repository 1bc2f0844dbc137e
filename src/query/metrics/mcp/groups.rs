//! Adds up MCP calls by server, client and tool.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use serde_json::{Map, Value};

use super::rows::{
    CallFigures, CallReason, ErrorTypeCount, McpClient, McpServer, McpTool, MissingTool,
};
use crate::{
    record::{ActivityId, Status, Sums, Text, mcp_attributes as names},
    store::{AttributeSample, text_of},
};

/// The most servers, clients, tools, or reports of missing tools that are kept.
pub(super) const MOST_GROUPS: usize = 10_000;
/// The most error types of a tool that are kept.
const MOST_ERRORS: usize = 100;
/// The most error types of a tool that are returned.
const SHOWN_ERRORS: usize = 3;

/// The sums of all calls and of each group.
pub(super) struct CallGroups {
    pub(super) calls: CallSums,
    pub(super) servers: Groups<Option<Text>, CallSums>,
    pub(super) clients: Groups<(Option<Text>, Option<Text>), CallSums>,
    pub(super) tools: Groups<(Option<Text>, Text, Text), ToolSums>,
    pub(super) missing: Groups<Text, Reports>,
    pub(super) reasons: u64,
    /// The newest calls with a reason.
    newest: BTreeMap<ActivityId, CallReason>,
    limit: usize,
}

/// Groups by key, up to [`MOST_GROUPS`].
pub(super) struct Groups<K, V>(HashMap<K, V>);

#[derive(Default)]
pub(super) struct CallSums {
    sums: Sums,
    last: Option<ActivityId>,
}

#[derive(Default)]
pub(super) struct ToolSums {
    calls: CallSums,
    errors: HashMap<Text, u64>,
    reasons: u64,
}

pub(super) struct Reports {
    count: u64,
    last: ActivityId,
}

impl CallGroups {
    /// Returns groups without calls, that keep this many reasons.
    pub(super) fn new(limit: usize) -> Self {
        CallGroups {
            calls: CallSums::default(),
            servers: Groups(HashMap::new()),
            clients: Groups(HashMap::new()),
            tools: Groups(HashMap::new()),
            missing: Groups(HashMap::new()),
            reasons: 0,
            newest: BTreeMap::new(),
            limit,
        }
    }

    pub(super) fn add(&mut self, call: &AttributeSample) {
        let text = |key| optional_text(&call.attributes, key);
        self.calls.add(call);
        let server = text(names::SERVER_NAME);
        if let Some(server) = &server
            && let Some(sums) = self.servers.of(server.clone(), CallSums::default)
        {
            sums.add(call);
        }
        if let (Some(name), Some(version)) = (text(names::CLIENT_NAME), text(names::CLIENT_VERSION))
            && let Some(sums) = self.clients.of((name, version), CallSums::default)
        {
            sums.add(call);
        }
        let reason = text(names::INTENT).flatten();
        if let (Some(server), Some(Some(method))) = (server, text(names::METHOD)) {
            let key = (server, method, call.name.clone());
            if let Some(tool) = self.tools.of(key, ToolSums::default) {
                tool.add(call, reason.is_some());
            }
        }
        if let Some(Some(missing)) = text(names::MISSING_TOOL) {
            let new = || Reports {
                count: 0,
                last: call.id,
            };
            if let Some(reports) = self.missing.of(missing, new) {
                reports.count += 1;
                reports.last = reports.last.max(call.id);
            }
        }
        if let Some(text) = reason {
            self.add_reason(call, text);
        }
    }

    fn add_reason(&mut self, call: &AttributeSample, text: Text) {
        self.reasons += 1;
        let reason = CallReason {
            activity: call.id,
            started_at: call.id.started_at(),
            name: call.name.clone(),
            text,
            failed: call.status == Status::Failed,
        };
        self.newest.insert(call.id, reason);
        if self.newest.len() > self.limit {
            self.newest.pop_first();
        }
    }

    /// Returns the newest calls with a reason, newest first.
    pub(super) fn newest_reasons(self) -> Vec<CallReason> {
        self.newest.into_values().rev().collect()
    }
}

impl<K: Hash + Eq, V> Groups<K, V> {
    /// Returns the group of a key; `None` if it is one too many.
    fn of(&mut self, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
        match self.0.len() < MOST_GROUPS || self.0.contains_key(&key) {
            true => Some(self.0.entry(key).or_insert_with(new)),
            false => None,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Takes the first groups by `rank`, at most `limit`; those of equal rank by key.
    fn top<R: Ord>(&mut self, rank: impl Fn(&V) -> R, limit: usize) -> Vec<(K, V)>
    where
        K: Ord,
    {
        let mut groups: Vec<(K, V)> = std::mem::take(&mut self.0).into_iter().collect();
        groups.sort_by(|(a_key, a), (b_key, b)| {
            let by_rank = rank(a).cmp(&rank(b));
            by_rank.then_with(|| a_key.cmp(b_key))
        });
        groups.truncate(limit);
        groups
    }
}

impl Groups<Option<Text>, CallSums> {
    /// Takes the servers with the most calls.
    pub(super) fn most_used(&mut self, limit: usize) -> Vec<McpServer> {
        let top = self.top(|calls| Reverse(calls.sums.count), limit);
        let server = |(name, calls): (_, CallSums)| McpServer {
            name,
            figures: calls.figures(),
        };
        top.into_iter().map(server).collect()
    }
}

impl Groups<(Option<Text>, Option<Text>), CallSums> {
    /// Takes the clients with the most calls.
    pub(super) fn most_used(&mut self, limit: usize) -> Vec<McpClient> {
        let top = self.top(|calls| Reverse(calls.sums.count), limit);
        let client = |((name, version), calls): (_, CallSums)| McpClient {
            name,
            version,
            figures: calls.figures(),
        };
        top.into_iter().map(client).collect()
    }
}

impl Groups<(Option<Text>, Text, Text), ToolSums> {
    /// Takes the tools with the most calls.
    pub(super) fn most_used(&mut self, limit: usize) -> Vec<McpTool> {
        let top = self.top(|tool| Reverse(tool.calls.sums.count), limit);
        let tool = |((server, method, name), tool): (_, ToolSums)| McpTool {
            server,
            method,
            name,
            figures: tool.calls.figures(),
            errors: most_frequent(tool.errors),
            reasons: tool.reasons,
        };
        top.into_iter().map(tool).collect()
    }
}

impl Groups<Text, Reports> {
    /// Takes the tools that were reported last.
    pub(super) fn newest(&mut self, limit: usize) -> Vec<MissingTool> {
        let top = self.top(|reports| Reverse(reports.last), limit);
        let missing = |(text, reports): (_, Reports)| MissingTool {
            text,
            count: reports.count,
            last_seen: reports.last.started_at(),
            last: reports.last,
        };
        top.into_iter().map(missing).collect()
    }
}

impl CallSums {
    fn add(&mut self, call: &AttributeSample) {
        self.sums.add(call.status, call.duration_ns);
        self.last = self.last.max(Some(call.id));
    }

    pub(super) fn figures(&self) -> CallFigures {
        CallFigures {
            count: self.sums.count,
            failed: self.sums.failed,
            p50_ns: self.sums.quantile_ns(0.5),
            p95_ns: self.sums.quantile_ns(0.95),
            last_seen: self.last.map(|last| last.started_at()),
        }
    }
}

impl ToolSums {
    fn add(&mut self, call: &AttributeSample, has_reason: bool) {
        self.calls.add(call);
        self.reasons += u64::from(has_reason);
        if call.status == Status::Failed
            && let Some(error_type) = &call.error_type
            && (self.errors.len() < MOST_ERRORS || self.errors.contains_key(error_type))
        {
            *self.errors.entry(error_type.clone()).or_default() += 1;
        }
    }
}

/// Returns the most frequent error types, at most [`SHOWN_ERRORS`].
fn most_frequent(errors: HashMap<Text, u64>) -> Vec<ErrorTypeCount> {
    let count = |(error_type, count)| ErrorTypeCount { error_type, count };
    let mut errors: Vec<_> = errors.into_iter().map(count).collect();
    errors.sort_by(|a, b| {
        let most = b.count.cmp(&a.count);
        most.then_with(|| a.error_type.cmp(&b.error_type))
    });
    errors.truncate(SHOWN_ERRORS);
    errors
}

/// Returns the text of an attribute, `Some(None)` without it. `None` for a value that no row stands for: a list or an object.
fn optional_text(attributes: &Map<String, Value>, key: &str) -> Option<Option<Text>> {
    match attributes.get(key) {
        None => Some(None),
        Some(Value::Null) => Some(Some(Text::from_static("null"))),
        Some(value) => text_of(value).map(Some),
    }
}
