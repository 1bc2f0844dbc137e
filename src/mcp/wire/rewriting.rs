//! Messages with the additions of [`ToolOptions`](crate::mcp::ToolOptions): lists of tools, and the arguments of calls.

use std::{collections::VecDeque, mem, ops::Range, sync::Arc};

use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    json_text::{self, Edit, Entries, quoted},
    message::Id,
};
use crate::mcp::{
    intent::{
        Additions, Intent, MISSING_TOOL, MissingTool, OwnTools, Reported, missing_tool,
        parameter_definition, reason_text,
    },
    names,
};

/// The most lists that are remembered until their answer.
const MOST_LISTS: usize = 256;
/// The most lists whose answers are extended again when a server replays them.
const MOST_ANSWERED: usize = 16;
/// The most bytes of answers that wait for the client. Beyond them the server answers, which does not have the tool.
const MOST_WAITING: usize = 1 << 20;

/// Changes the messages of one connection.
#[derive(Debug)]
pub(in crate::mcp) struct Rewriting {
    additions: Additions,
    /// Over HTTP those of all sessions: a client may call a tool in another session than that of its list.
    own: Arc<Mutex<OwnTools>>,
    /// False where calls cannot be answered: then the additional tool is not added.
    answers_calls: bool,
    /// The requests for lists that are not answered. Those with one id are answered in their order.
    lists: VecDeque<PendingList>,
    /// Those that were answered last.
    answered: VecDeque<PendingList>,
    /// The number of the next one.
    next_list: u64,
    /// Messages that were too long to be held.
    pub(super) too_long: u64,
    /// Answers of ours that the client has not got yet: complete lines.
    pub(super) answers: Vec<u8>,
}

/// A request for a list that is not answered.
#[derive(Debug)]
struct PendingList {
    number: u64,
    id: Id,
    /// True if it asks for the beginning.
    is_first: bool,
}

/// A line of a client, changed.
#[derive(Debug, Default)]
pub(in crate::mcp) struct ClientLine {
    /// What the server gets, if anything.
    pub(in crate::mcp) passed: Option<String>,
    /// Calls that do not reach the server, without their reasons, each with its answer.
    pub(in crate::mcp) answered: Vec<(String, String)>,
    /// The bytes of these answers.
    waiting: usize,
    /// What was reported with calls, by their id.
    pub(in crate::mcp) reported: Vec<(Id, Reported)>,
}

impl ClientLine {
    /// Returns the calls that are answered here, as one body, and the body of their answers.
    pub(in crate::mcp) fn answered_body(&self) -> Option<(String, String)> {
        let (first, rest) = self.answered.split_first()?;
        let Some(_) = first.1.strip_prefix('[') else {
            return rest.is_empty().then(|| first.clone());
        };
        let calls = self.answered.iter().map(|(call, _)| call.as_str());
        let answers = self.answered.iter().map(|(_, answer)| {
            let answer = answer.strip_prefix('[').unwrap_or(answer);
            answer.strip_suffix(']').unwrap_or(answer)
        });
        let list = |texts: Vec<&str>| format!("[{}]", texts.join(","));
        Some((list(calls.collect()), list(answers.collect())))
    }
}

/// The parts of a message that matter here.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

/// What becomes of a message of a client.
enum Change {
    None,
    Text(String),
    Answer { call: String, answer: String },
}

impl Rewriting {
    pub(in crate::mcp) fn new(additions: Additions, own: Arc<Mutex<OwnTools>>) -> Self {
        Rewriting {
            additions,
            own,
            answers_calls: true,
            lists: VecDeque::new(),
            answered: VecDeque::new(),
            next_list: 0,
            too_long: 0,
            answers: Vec::new(),
        }
    }

    /// True if all messages stay as they are.
    pub(super) fn is_empty(&self) -> bool {
        self.additions.is_empty()
    }

    /// True if a list was asked for, and its answer may change.
    pub(in crate::mcp) fn has_lists(&self) -> bool {
        !self.lists.is_empty()
    }

    /// True if a list was asked for, answered or not: its answer may come again on a stream that is resumed.
    pub(in crate::mcp) fn has_had_lists(&self) -> bool {
        self.has_lists() || !self.answered.is_empty()
    }

    /// Returns the number of the next request for a list.
    pub(in crate::mcp) fn next_list(&self) -> u64 {
        self.next_list
    }

    /// True if one of these requests for lists is not answered.
    pub(in crate::mcp) fn has_lists_of(&self, numbers: &Range<u64>) -> bool {
        let mut lists = self.lists.iter();
        !numbers.is_empty() && lists.any(|list| numbers.contains(&list.number))
    }

    /// Forgets those of these requests for lists that are not answered. Returns how many.
    pub(in crate::mcp) fn forget_lists(&mut self, numbers: &Range<u64>) -> u64 {
        let before = self.lists.len();
        if !numbers.is_empty() {
            self.lists.retain(|list| !numbers.contains(&list.number));
        }
        (before - self.lists.len()) as u64
    }

    /// From now on all calls reach the server: answers take another way than ours can.
    pub(in crate::mcp) fn leave_calls(&mut self) {
        self.answers_calls = false;
    }

    /// As [`client`](Self::client), for the body of a request: what of it is answered here, if anything may be, is answered as a
    /// whole.
    pub(in crate::mcp) fn request_body(
        &mut self,
        body: &str,
        may_answer: bool,
    ) -> Option<ClientLine> {
        let first = self.next_list;
        let is_answerable = self.answers_calls && may_answer;
        let answers_calls = mem::replace(&mut self.answers_calls, is_answerable);
        let mut changed = self.client(body);
        let is_partial = |line: &ClientLine| !line.answered.is_empty() && line.passed.is_some();
        if changed.as_ref().is_some_and(is_partial) {
            // The response is the server's, which has to answer all of it.
            self.forget_lists(&(first..self.next_list));
            self.answers_calls = false;
            changed = self.client(body);
        }
        self.answers_calls = answers_calls;
        changed
    }

    /// Changes a line of the client; `None` if it stays as it is.
    pub(super) fn client(&mut self, line: &str) -> Option<ClientLine> {
        let mut changed = ClientLine::default();
        let Some(batch) = batch(line) else {
            match self.request(line, &mut changed) {
                Change::None => return None,
                Change::Text(text) => changed.passed = Some(text),
                Change::Answer { call, answer } => changed.answered.push((call, answer)),
            }
            return Some(changed);
        };
        let mut edits = Vec::new();
        let mut left = Vec::new();
        for message in &batch {
            match self.request(message.get(), &mut changed) {
                Change::None => left.push(message.get().to_owned()),
                Change::Text(text) => {
                    left.push(text.clone());
                    edits.push(Edit::replace(line, message, text));
                }
                // In an array, as the answer of a batch.
                Change::Answer { call, answer } => {
                    changed.answered.push((call, format!("[{answer}]")));
                }
            }
        }
        match (changed.answered.is_empty(), left.is_empty()) {
            (true, _) if edits.is_empty() => return None,
            (true, _) => changed.passed = Some(json_text::apply(line, edits)),
            (false, true) => {}
            (false, false) => changed.passed = Some(format!("[{}]", left.join(","))),
        }
        Some(changed)
    }

    /// Changes a line of the server; `None` if it stays as it is. In a stream that is resumed a server replays answers, also those that
    /// have passed.
    pub(in crate::mcp) fn server(&mut self, line: &str, is_replay: bool) -> Option<String> {
        let Some(batch) = batch(line) else {
            return self.response(line, is_replay);
        };
        let edits: Vec<Edit> = batch
            .iter()
            .filter_map(|message| {
                let text = self.response(message.get(), is_replay)?;
                Some(Edit::replace(line, message, text))
            })
            .collect();
        (!edits.is_empty()).then(|| json_text::apply(line, edits))
    }

    fn request(&mut self, text: &str, changed: &mut ClientLine) -> Change {
        let message = Envelope::parse(text);
        let Some((message, id)) = message.and_then(Envelope::with_id) else {
            return Change::None;
        };
        match message.method.as_deref() {
            Some("tools/list") => {
                let params = message
                    .params
                    .and_then(|params| Entries::parse(params.get()));
                let cursor = params.and_then(|params| params.get("cursor"));
                let is_first = cursor.is_none_or(|cursor| cursor.get() == "null");
                if self.lists.len() == MOST_LISTS {
                    self.lists.pop_front();
                }
                let number = self.next_list;
                self.next_list += 1;
                self.lists.push_back(PendingList {
                    number,
                    id,
                    is_first,
                });
                Change::None
            }
            Some(names::CALL_TOOL) => self.call(text, &message, id, changed),
            _ => Change::None,
        }
    }

    fn call(&self, text: &str, message: &Envelope<'_>, id: Id, changed: &mut ClientLine) -> Change {
        let own = self.own.lock();
        let params = message
            .params
            .and_then(|params| Entries::parse(params.get()));
        let tool = params.as_ref().and_then(|params| params.text("name"));
        let (Some(params), Some(tool)) = (params, tool) else {
            return Change::None;
        };
        let raw = params.get("arguments");
        let arguments = raw.and_then(|arguments| Entries::parse(arguments.get()));
        let value = |key: &str| -> Option<Value> {
            serde_json::from_str(arguments.as_ref()?.get(key)?.get()).ok()
        };
        let is_report = self.answers_calls && self.additions.is_missing_tool(&own, &tool);
        let mut reported = match is_report {
            true => Reported::missing_tool(value),
            false => Reported::default(),
        };
        let mut without = None;
        if let Some(parameter) = self.additions.parameter_of(&own, &tool)
            && let (Some(raw), Some(arguments)) = (raw, &arguments)
            && arguments.get(parameter).is_some()
        {
            reported.intent = value(parameter).and_then(reason_text);
            let edit = Edit::replace(text, raw, arguments.without(parameter));
            without = Some(json_text::apply(text, vec![edit]));
        }
        let answer = reported.missing_tool.as_ref().zip(message.id);
        let answer = answer.map(|(report, id)| answer_to(report, id));
        if reported != Reported::default() {
            changed.reported.push((id, reported));
        }
        match (answer, without) {
            (Some(answer), without) if self.has_room(changed, &answer) => {
                changed.waiting += answer.len();
                Change::Answer {
                    call: without.unwrap_or_else(|| text.to_owned()),
                    answer,
                }
            }
            (_, Some(without)) => Change::Text(without),
            (_, None) => Change::None,
        }
    }

    fn has_room(&self, changed: &ClientLine, answer: &str) -> bool {
        self.answers.len() + changed.waiting + answer.len() <= MOST_WAITING
    }

    fn response(&mut self, text: &str, is_replay: bool) -> Option<String> {
        let (message, id) = Envelope::parse(text)?.with_id()?;
        if message.method.is_some() {
            return None;
        }
        let is_of = |list: &PendingList| list.id == id;
        let pending = self.lists.iter().position(is_of);
        let is_first = match pending.and_then(|at| self.lists.remove(at)) {
            Some(list) => {
                let is_first = list.is_first;
                if self.answered.len() == MOST_ANSWERED {
                    self.answered.pop_front();
                }
                self.answered.push_back(list);
                is_first
            }
            // The last one with this id.
            None if is_replay => self.answered.iter().rfind(|list| is_of(list))?.is_first,
            None => return None,
        };
        let result = Entries::parse(message.result?.get())?;
        let list = result.get("tools")?;
        let tools: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
        let own = self.own.clone();
        let mut own = own.lock();
        let mut edits = Vec::new();
        for tool in tools {
            let Some(tool) = Entries::parse(tool.get()) else {
                continue;
            };
            let Some(name) = tool.text("name") else {
                continue;
            };
            own.add(&name);
            let Some(schema) = tool.get("inputSchema") else {
                own.leave_alone(&name);
                continue;
            };
            edits.extend(self.extended(&mut own, text, &name, schema));
        }
        if self.answers_calls && self.additions.adds_tool(&mut own, is_first) {
            let tool = missing_tool().to_string();
            let entries = Entries::parse(&tool);
            let schema = entries.and_then(|entries| entries.get("inputSchema"));
            let extended =
                schema.map(|schema| self.extended(&mut own, &tool, MISSING_TOOL, schema));
            let tool = json_text::apply(&tool, extended.unwrap_or_default());
            edits.push(Edit::append(text, list, &tool));
        }
        (!edits.is_empty()).then(|| json_text::apply(text, edits))
    }

    /// Returns the changes that add the parameter to the schema of a tool, in this text.
    fn extended(&self, own: &mut OwnTools, text: &str, tool: &str, schema: &RawValue) -> Vec<Edit> {
        let parsed: Option<Map<String, Value>> = serde_json::from_str(schema.get()).ok();
        let entries = Entries::parse(schema.get());
        let (Some(parsed), Some(entries)) = (parsed, entries) else {
            own.leave_alone(tool);
            return Vec::new();
        };
        match self.additions.intent_for(own, tool, &parsed) {
            Some(intent) => extend(text, intent, schema, &entries),
            None => Vec::new(),
        }
    }
}

/// Returns the answer to a report of a missing tool.
fn answer_to(report: &MissingTool, id: &RawValue) -> String {
    let (text, is_error) = report.answer();
    let result = json!({"content": [{"type": "text", "text": text}], "isError": is_error});
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.get())
}

/// Returns the changes that add the parameter to a schema that accepts it.
fn extend(text: &str, intent: &Intent, schema: &RawValue, entries: &Entries<'_>) -> Vec<Edit> {
    let name = quoted(&intent.parameter);
    let definition = parameter_definition(intent);
    let property = format!("{name}:{definition}");
    let mut added = Vec::new();
    let mut edits = Vec::new();
    match entries.get("properties") {
        Some(properties) => edits.push(Edit::append(text, properties, &property)),
        None => added.push(format!("\"properties\":{{{property}}}")),
    }
    if intent.is_required {
        match entries.get("required") {
            Some(required) => edits.push(Edit::append(text, required, &name)),
            None => added.push(format!("\"required\":[{name}]")),
        }
    }
    if !added.is_empty() {
        edits.push(Edit::append(text, schema, &added.join(",")));
    }
    edits
}

impl<'a> Envelope<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        // A list would be read as its fields.
        text.starts_with('{')
            .then(|| serde_json::from_str(text).ok())
            .flatten()
    }

    /// Returns it with its id, if it has one.
    fn with_id(self) -> Option<(Self, Id)> {
        let id: Value = serde_json::from_str(self.id?.get()).ok()?;
        let id = Id::new(&id)?;
        Some((self, id))
    }
}

/// Returns the messages of a batch; `None` if it is a single one.
fn batch(line: &str) -> Option<Vec<&RawValue>> {
    line.starts_with('[')
        .then(|| serde_json::from_str(line).ok())
        .flatten()
}
