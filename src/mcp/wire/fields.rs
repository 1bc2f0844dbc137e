//! The parts of a JSON-RPC message that a record needs, and how much of each is kept.

use serde_json::Value;

use super::repair;
use crate::mcp::names;

/// The longest id that is read, as JSON in bytes. A request with a longer one is counted, and not recorded.
const LONGEST_ID: usize = 64 << 10;

/// A part of a message. What is kept of it is JSON, possibly cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Method,
    /// `params`
    Name,
    Uri,
    Arguments,
    RequestMeta,
    CancelledId,
    Reason,
    ClientInfo,
    RequestedVersion,
    RequestedTask,
    ContinuedState,
    InputResponses,
    /// `params` of `notifications/tasks/status`, and `result` of `tasks/get`
    TaskStatus,
    /// `result`
    Result,
    IsError,
    Text,
    ResultType,
    Version,
    ServerInfo,
    ResultMeta,
    RequestState,
    InputRequests,
    Task,
    TaskId,
    TaskTtl,
    TaskResult,
    TaskError,
    ToolName,
    ToolHints,
    ToolMeta,
    /// `error`, and what is in it
    Error,
    ErrorCode,
    ErrorMessage,
}

/// A place in a message that leads to fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// A stream of messages, or an array of them.
    Messages,
    Message,
    Params,
    Result,
    Content,
    Block,
    Tools,
    Tool,
    Error,
}

/// What to do with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Skip,
    Enter(Node),
    Keep(Field),
    /// Keep it, and what is in it.
    KeepAndEnter(Field, Node),
}

/// Returns what to do with the value of a key; of an array's elements, if there is none.
pub(super) fn step(node: Node, key: Option<&[u8]>) -> Step {
    use Field as F;
    use Step::{Enter, Keep, KeepAndEnter, Skip};

    match (node, key) {
        (Node::Messages, None) => Enter(Node::Message),
        (Node::Message, Some(b"id")) => Keep(F::Id),
        (Node::Message, Some(b"method")) => Keep(F::Method),
        (Node::Message, Some(b"params")) => Enter(Node::Params),
        (Node::Message, Some(b"result")) => KeepAndEnter(F::Result, Node::Result),
        (Node::Message, Some(b"error")) => KeepAndEnter(F::Error, Node::Error),
        (Node::Params, Some(key)) => Keep(match key {
            b"name" => F::Name,
            b"uri" => F::Uri,
            b"arguments" => F::Arguments,
            b"_meta" => F::RequestMeta,
            b"requestId" => F::CancelledId,
            b"reason" => F::Reason,
            b"clientInfo" => F::ClientInfo,
            b"protocolVersion" => F::RequestedVersion,
            b"taskId" => F::RequestedTask,
            b"requestState" => F::ContinuedState,
            b"inputResponses" => F::InputResponses,
            b"status" => F::TaskStatus,
            _ => return Skip,
        }),
        (Node::Result, Some(key)) => match key {
            b"content" => Enter(Node::Content),
            b"tools" => Enter(Node::Tools),
            b"isError" => Keep(F::IsError),
            b"resultType" => Keep(F::ResultType),
            b"protocolVersion" => Keep(F::Version),
            b"serverInfo" => Keep(F::ServerInfo),
            b"_meta" => Keep(F::ResultMeta),
            b"requestState" => Keep(F::RequestState),
            b"inputRequests" => Keep(F::InputRequests),
            b"task" => Keep(F::Task),
            b"taskId" => Keep(F::TaskId),
            b"status" => Keep(F::TaskStatus),
            b"ttlMs" => Keep(F::TaskTtl),
            b"result" => Keep(F::TaskResult),
            b"error" => Keep(F::TaskError),
            _ => Skip,
        },
        (Node::Content, None) => Enter(Node::Block),
        (Node::Block, Some(b"text")) => Keep(F::Text),
        (Node::Tools, None) => Enter(Node::Tool),
        (Node::Tool, Some(b"name")) => Keep(F::ToolName),
        (Node::Tool, Some(b"annotations")) => Keep(F::ToolHints),
        (Node::Tool, Some(b"_meta")) => Keep(F::ToolMeta),
        (Node::Error, Some(b"code")) => Keep(F::ErrorCode),
        (Node::Error, Some(b"message")) => Keep(F::ErrorMessage),
        _ => Skip,
    }
}

/// How much of payloads is kept, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::mcp) struct PayloadLimits {
    pub(super) arguments: usize,
    pub(super) result: usize,
}

impl Field {
    /// Returns how many bytes of it are kept.
    pub(super) fn limit(self, payloads: PayloadLimits) -> usize {
        match self {
            Field::Arguments => payloads.arguments,
            Field::Result => payloads.result,
            // As long as `null`: all that counts is whether it is there.
            Field::Error => 4,
            Field::Id | Field::CancelledId => LONGEST_ID,
            Field::ToolMeta => 2 << 10,
            Field::RequestMeta | Field::ContinuedState | Field::RequestState => 16 << 10,
            Field::InputResponses | Field::InputRequests | Field::TaskResult => 64 << 10,
            // An error's text, and the first of a result.
            Field::Text | Field::ErrorMessage => names::MESSAGE_BYTES + 2,
            _ => 4 << 10,
        }
    }

    /// True if a message may have several.
    pub(super) fn repeats(self) -> bool {
        matches!(self, Field::ToolName | Field::ToolHints | Field::ToolMeta)
    }
}

/// The fields of one message.
#[derive(Debug, Default)]
pub(in crate::mcp) struct Fields {
    kept: Vec<Kept>,
    /// Those that repeat, and their bytes.
    repeated: Vec<Kept>,
    bytes: usize,
}

/// A captured field, possibly truncated.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) field: Field,
    /// The element of the array that it is in.
    pub(super) element: u32,
    /// JSON.
    pub(super) json: Vec<u8>,
    pub(super) is_cut: bool,
}

impl Kept {
    /// Parses it. Of one that was cut the last part may be incomplete; `None` if it is not JSON.
    pub(super) fn parse(&self) -> Option<Value> {
        match self.is_cut {
            true => repair::parse_beginning(&self.json),
            false => serde_json::from_slice(&self.json).ok(),
        }
    }
}

/// The most bytes of fields that repeat: the tools of a large server.
const MOST_REPEATED: usize = 1 << 20;
/// What a field takes beside its JSON.
const FIELD_BYTES: usize = 64;

impl Fields {
    /// Adds a field. The last of the same key counts, as in most parsers; of texts, the first.
    pub(super) fn add(&mut self, kept: Kept) {
        if kept.field.repeats() {
            self.bytes += FIELD_BYTES + kept.json.len();
            if self.bytes <= MOST_REPEATED {
                self.repeated.push(kept);
            }
            return;
        }
        match self.kept.iter_mut().find(|one| one.field == kept.field) {
            Some(_) if kept.field == Field::Text => {}
            Some(one) => *one = kept,
            None => self.kept.push(kept),
        }
    }

    pub(super) fn get(&self, field: Field) -> Option<&Kept> {
        self.kept.iter().find(|one| one.field == field)
    }

    /// Returns all fields of a kind that repeats.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &Kept> {
        self.repeated.iter().filter(move |one| one.field == field)
    }

    /// Parses a field that was not cut.
    pub(super) fn value(&self, field: Field) -> Option<Value> {
        let kept = self.get(field)?;
        serde_json::from_slice(&kept.json).ok()
    }

    /// Returns a field that is a string, or the beginning of one.
    pub(super) fn text(&self, field: Field) -> Option<String> {
        match self.get(field)?.parse()? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}
