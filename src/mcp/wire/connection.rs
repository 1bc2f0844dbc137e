//! One connection: its requests, and what is recorded of them.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{
    counts::Totals,
    fields::{Field, Fields, Kept},
    message::{Id, Message},
    pending::{Call, Pending, Request, Side},
    place::Place,
    result::{self, Answer},
    server::{Implementation, Server, ServerName, implementation},
};
use crate::{
    activity::{Activity, Describe},
    mcp::{
        ToolOptions, intent::Reported, names, operations::ContinuationKey, tools::LONGEST_HANDLE,
    },
    record::{Capture, EventRecord, Kind, Outcome, Scope, Text},
    store::DROPPED_COUNT,
};

/// The most lines of a server's log that one call keeps, as of log lines in a program.
const MOST_LINES: u64 = 128;
/// The error type of a call that was given up.
pub(in crate::mcp) const UNANSWERED: &str = "unanswered";

/// The prefix of the keys that clients of 2026-07-28 name themselves by.
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The key that servers of 2026-07-28 name themselves by, in each result.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// One connection of a client and a server: a process, or a session over HTTP.
#[derive(Debug)]
pub(in crate::mcp) struct Connection {
    tools: ToolOptions,
    pub(in crate::mcp) server: Arc<Mutex<Server>>,
    pub(in crate::mcp) scope: Scope,
    pub(in crate::mcp) session: Option<Text>,
    pub(in crate::mcp) protocol_version: Option<String>,
    pub(in crate::mcp) totals: Arc<Totals>,
    transport: &'static str,
    client: Option<Implementation>,
    /// How the server has named itself here.
    server_name: Option<Text>,
    pub(super) pending: Pending,
    /// The outcome of what comes after the end.
    closed: Option<Outcome>,
}

/// A request that is remembered until its answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::mcp) struct Remembered {
    pub(in crate::mcp) number: u64,
    /// True for a call, which is recorded.
    pub(in crate::mcp) is_call: bool,
}

impl Connection {
    pub(in crate::mcp) fn new(
        tools: ToolOptions,
        server: Arc<Mutex<Server>>,
        totals: Arc<Totals>,
        transport: &'static str,
    ) -> Self {
        Connection {
            tools,
            server,
            scope: Scope::default(),
            session: None,
            protocol_version: None,
            transport,
            client: None,
            server_name: None,
            pending: Pending::new(totals.clone()),
            closed: None,
            totals,
        }
    }

    /// Records a message that a side sends. Returns the request that it is, if that is remembered. `own` are the numbers of the
    /// requests in whose response it arrives, in order: an answer is one of theirs before it is that of another with the same id.
    pub(in crate::mcp) fn message(
        &mut self,
        side: Side,
        fields: &Fields,
        place: &mut Place,
        own: &[u64],
    ) -> Option<Remembered> {
        let message = Message::new(fields);
        {
            let mut counts = self.totals.counts.lock();
            match message {
                Message::Unknown => counts.others += 1,
                _ => counts.messages += 1,
            }
        }
        match message {
            Message::Request { id, method } => {
                return self.request(side, id, &method, fields, place);
            }
            Message::Notification { method } => self.notification(side, &method, fields),
            Message::Response { id, is_error } => {
                let number = self.pending.find(side.other(), &id, own);
                if let Some(request) = number.and_then(|number| self.pending.remove(number)) {
                    self.response(request, is_error, fields);
                }
            }
            Message::Unknown => {}
        }
        None
    }

    /// Adds to the newest call with this id what its caller has reported.
    pub(in crate::mcp) fn report(&mut self, id: &Id, reported: Reported) {
        if let Some(call) = self.pending.newest_call(id) {
            for (key, text) in reported.attributes(&self.tools.log) {
                call.running.set(key, &*text);
            }
        }
    }

    pub(super) fn log_line(&mut self, line: &str) {
        let Some(call) = self.pending.only_call() else {
            return;
        };
        call.lines += 1;
        match call.lines.checked_sub(MOST_LINES) {
            None | Some(0) => {
                let event = call.running.event(EventRecord::LOG).summary(line);
                // Refused events are counted by the log.
                let _ = event.record();
            }
            Some(dropped) => call.running.set(DROPPED_COUNT, dropped),
        }
    }

    /// Ends all requests that were not answered, and from now on each at once.
    pub(in crate::mcp) fn close_for_good(&mut self, outcome: &Outcome) {
        self.closed = Some(outcome.clone());
        self.close(outcome);
    }

    /// Ends the requests that came after the end.
    pub(in crate::mcp) fn end_late(&mut self) {
        if let Some(outcome) = self.closed.clone() {
            self.close(&outcome);
        }
    }

    /// Ends all requests that were not answered.
    pub(in crate::mcp) fn close(&mut self, outcome: &Outcome) {
        for request in self.pending.drain() {
            request.end(outcome);
        }
    }

    fn request(
        &mut self,
        side: Side,
        id: Id,
        method: &str,
        fields: &Fields,
        place: &mut Place,
    ) -> Option<Remembered> {
        // A server sends its requests again on a stream that is resumed.
        if side == Side::Server && self.pending.find(side, &id, &[]).is_some() {
            return None;
        }
        let task = || fields.text(Field::RequestedTask);
        let request = match (side, method) {
            (Side::Client, names::CALL_TOOL) => {
                self.call(Kind::Tool, names::CALL_TOOL, &id, fields, place)
            }
            (Side::Client, names::GET_PROMPT) if self.tools.prompts => {
                self.call(Kind::Prompt, names::GET_PROMPT, &id, fields, place)
            }
            (Side::Client, names::READ_RESOURCE) if self.tools.resources => {
                self.call(Kind::Resource, names::READ_RESOURCE, &id, fields, place)
            }
            (Side::Client, "initialize") => {
                self.client = implementation(fields.value(Field::ClientInfo).as_ref());
                self.protocol_version = fields.text(Field::RequestedVersion);
                Some(Request::Initialize)
            }
            // Clients of 2026-07-28 begin with it, or with a call.
            (Side::Client, "server/discover") => Some(Request::Initialize),
            (Side::Client, "tools/list") => Some(Request::ListTools),
            (Side::Client, "tasks/get" | "tasks/result") => task().map(Request::Task),
            (Side::Client, "tasks/cancel") => task().map(Request::CancelTask),
            (Side::Server, "elicitation/create") => self.ask_client("elicitation/create", place),
            (Side::Server, "sampling/createMessage") => {
                self.ask_client("sampling/createMessage", place)
            }
            (Side::Server, "roots/list") => self.ask_client("roots/list", place),
            _ => None,
        };
        let request = request?;
        let is_call = matches!(request, Request::Call(_));
        let (number, oldest) = self.pending.add(side, id, request);
        if let Some(oldest) = oldest {
            self.totals.counts.lock().unanswered += 1;
            oldest.end(&Outcome::failed(UNANSWERED));
        }
        Some(Remembered { number, is_call })
    }

    fn call(
        &mut self,
        kind: Kind,
        method: &'static str,
        id: &Id,
        fields: &Fields,
        place: &mut Place,
    ) -> Option<Request> {
        self.tools.operations.end_expired();
        let uri = fields.text(Field::Uri).filter(|_| kind == Kind::Resource);
        let named = match kind {
            Kind::Resource => uri.as_deref().map(|uri| names::scheme(uri).to_owned()),
            _ => fields.text(Field::Name),
        };
        let has_name = named.is_some();
        // Without a name the parameters are invalid, and the server answers with an error.
        let name = Text::from(named.unwrap_or_else(|| method.to_owned()));
        let meta = match fields.value(Field::RequestMeta) {
            Some(Value::Object(meta)) => meta,
            _ => Map::new(),
        };
        let arguments = match kind {
            Kind::Tool => fields.get(Field::Arguments).and_then(Kept::parse),
            _ => None,
        };
        let handle = (self.tools).session_handle(arguments.as_ref().and_then(Value::as_object));
        let conversation = meta.get(self.tools.conversation.as_str());
        let conversation = conversation.and_then(Value::as_str);
        let is_named = conversation.is_some() || handle.is_some();
        // A call holds it until the answer.
        let conversation = conversation.filter(|id| id.len() <= LONGEST_HANDLE);
        let session = conversation.or(handle.as_deref());
        let session = session.or(self.session.as_deref()).map(str::to_owned);
        let state = fields.text(Field::ContinuedState);
        let responses = fields.value(Field::InputResponses);
        let keys = responses.as_ref().and_then(Value::as_object);
        let key = ContinuationKey::new(session.as_deref(), state.as_deref(), keys.map(Map::keys));
        // Without a state or responses it continues nothing.
        let first = key.and_then(|key| self.tools.operations.first(&name, &key));

        let mut describe = names::describe(kind, method, name.clone(), id.shown())
            .scope(&self.scope)
            .attribute(names::TRANSPORT, self.transport);
        if let Some(session) = &session {
            describe = describe.session(session.clone());
        }
        if let Some(uri) = uri {
            describe = describe.attribute(names::RESOURCE_URI, uri);
        }
        if kind == Kind::Tool && has_name {
            let definition = self.server.lock().definition(&name);
            let tool_meta = || definition.meta.as_deref().cloned();
            let arguments = arguments.as_ref().and_then(Value::as_object);
            describe = self
                .tools
                .brand_of(&name, arguments, tool_meta)
                .add_to(describe);
            for (hint, value) in definition.hints {
                describe = describe.attribute(hint, value);
            }
        }
        describe = self.of_peers(describe, &meta, is_named);
        describe = names::of_meta(describe, |key| meta.get(key).and_then(Value::as_str));
        if let Some(first) = &first {
            describe = describe.parent(first);
        }
        let capture = match kind {
            Kind::Tool => self.tools.capture(&name),
            _ => Capture::Off,
        };
        let running = place.start(&self.tools.log, describe);
        let is_cut = fields.get(Field::Arguments).is_some_and(|kept| kept.is_cut);
        match arguments {
            Some(arguments) if is_cut => running.set_cut_input(&arguments, capture),
            Some(arguments) => running.set_input(&arguments, capture),
            None => {}
        }
        Some(Request::Call(Call {
            running,
            name,
            capture,
            is_tool: kind == Kind::Tool,
            session,
            first,
            lines: 0,
        }))
    }

    /// Adds who calls, and who is called; the session of the transport, if the call names another.
    fn of_peers(
        &self,
        mut describe: Describe,
        meta: &Map<String, Value>,
        is_named: bool,
    ) -> Describe {
        if is_named && let Some(session) = &self.session {
            describe = describe.attribute(names::SESSION_ID, session.as_str());
        }
        // Newer clients identify themselves in each request, older ones once.
        let client = implementation(meta.get(CLIENT_INFO)).or_else(|| self.client.clone());
        if let Some(client) = client {
            describe = describe.attribute(names::CLIENT_NAME, client.name);
            if let Some(version) = client.version {
                describe = describe.attribute(names::CLIENT_VERSION, version);
            }
        }
        let version = meta.get(PROTOCOL_VERSION).and_then(Value::as_str);
        if let Some(version) = version.or(self.protocol_version.as_deref()) {
            describe = describe.attribute(names::PROTOCOL_VERSION, version);
        }
        let server = self.server.lock();
        let server_name = match &server.name {
            ServerName::Named(name) => Some(name),
            ServerName::Itself(name) => self.server_name.as_ref().or(Some(name)),
            ServerName::Unknown => self.server_name.as_ref(),
        };
        if let Some(name) = server_name {
            describe = describe.attribute(names::SERVER_NAME, name.as_str());
        }
        drop(server);
        match meta.get("progressToken") {
            Some(token) if token.is_string() || token.is_number() => {
                describe.attribute(names::PROGRESS_TOKEN, token.clone())
            }
            _ => describe,
        }
    }

    /// Starts the activity of a request to the client: a child of the call that it is sent in, or else of the call that is running.
    /// If there are several, no message says which it belongs to.
    fn ask_client(&mut self, method: &'static str, place: &mut Place) -> Option<Request> {
        let mut describe = Describe::new(Kind::Custom, method)
            .scope(&self.scope)
            .attribute(names::METHOD, method)
            .on_span(names::SPAN_KIND, "client");
        if let Some(session) = &self.session {
            describe = describe.session(session.clone());
        }
        if place.activity().is_none()
            && let Some(call) = self.pending.only_call()
        {
            describe = describe.parent(&call.running);
        }
        Some(Request::ToClient(place.start(&self.tools.log, describe)))
    }

    fn notification(&mut self, side: Side, method: &str, fields: &Fields) {
        match (side, method) {
            (_, "notifications/cancelled") => {
                let id = fields.value(Field::CancelledId).as_ref().and_then(Id::new);
                let number = id.and_then(|id| self.pending.find(side, &id, &[]));
                let request = number.and_then(|number| self.pending.remove(number));
                let outcome = match fields.text(Field::Reason) {
                    Some(reason) => Outcome::cancelled().with_message(reason),
                    None => Outcome::cancelled(),
                };
                if let Some(request) = request {
                    request.end(&outcome);
                }
            }
            (Side::Server, "notifications/tasks/status" | "notifications/tasks") => {
                if let Some(id) = fields.text(Field::RequestedTask) {
                    self.task(&id, fields);
                }
            }
            _ => {}
        }
    }

    fn response(&mut self, request: Request, is_error: bool, fields: &Fields) {
        self.name_server(&request, fields);
        match request {
            Request::Call(call) => self.end_call(call, is_error, fields),
            Request::ToClient(running) => {
                let outcome = match is_error {
                    true => result::protocol_error(fields, &running),
                    false => Outcome::success(),
                };
                running.end(outcome);
            }
            _ if is_error => {}
            Request::Initialize => {
                if let Some(version) = fields.text(Field::Version) {
                    self.protocol_version = Some(version);
                }
            }
            Request::ListTools => self.server.lock().define_tools(fields),
            Request::Task(id) => self.task(&id, fields),
            Request::CancelTask(id) => self.tools.operations.cancelling(&id),
        }
    }

    /// Reads how the server names itself: in each result, or in that of `initialize`.
    fn name_server(&mut self, request: &Request, fields: &Fields) {
        if self.server_name.is_some() || matches!(request, Request::ToClient(_)) {
            return;
        }
        let mut server = self.server.lock();
        if matches!(server.name, ServerName::Named(_)) {
            return;
        }
        let meta = fields.value(Field::ResultMeta);
        let info = meta.as_ref().and_then(|meta| meta.get(SERVER_INFO));
        let named = implementation(info)
            .or_else(|| implementation(fields.value(Field::ServerInfo).as_ref()));
        let Some(named) = named else { return };
        let name = Text::from(named.name);
        let is_known = matches!(&server.name, ServerName::Itself(known) if *known == name);
        if !is_known {
            if let Request::Call(call) = request {
                call.running.set(names::SERVER_NAME, name.as_str());
            }
            server.name = ServerName::Itself(name.clone());
        }
        self.server_name = Some(name);
    }

    fn end_call(&mut self, call: Call, is_error: bool, fields: &Fields) {
        let activity = Activity::clone(&call.running);
        if is_error {
            let outcome = result::protocol_error(fields, &activity);
            return call.running.end(outcome);
        }
        let operations = &self.tools.operations;
        let outcome = match Answer::new(fields) {
            Answer::InputRequired => {
                activity.set(names::RESULT_TYPE, "input_required");
                let requests = fields.value(Field::InputRequests);
                let keys = requests.as_ref().and_then(Value::as_object).map(Map::keys);
                let state = fields.text(Field::RequestState);
                let first = call.first.clone().unwrap_or_else(|| activity.clone());
                let session = call.session.as_deref();
                operations.wait_for_input(&call.name, session, state.as_deref(), keys, first);
                Outcome::success()
            }
            Answer::Task { id, ttl_ms } => {
                activity.set(names::RESULT_TYPE, "task");
                let mut task = Describe::new(Kind::Job, call.name.clone())
                    .parent(&activity)
                    .attribute(names::TASK_ID, id.as_str());
                if let Some(ttl_ms) = ttl_ms {
                    task = task.timeout(Duration::from_millis(ttl_ms));
                }
                operations.add_task(id, self.tools.log.start(task), call.capture);
                Outcome::success()
            }
            Answer::Result => {
                result::capture(fields, &activity, call.capture);
                match call.is_tool {
                    true => result::outcome(fields),
                    false => Outcome::success(),
                }
            }
        };
        call.running.end(outcome);
    }

    /// Ends a task whose end is in these fields.
    fn task(&self, id: &str, fields: &Fields) {
        let operations = &self.tools.operations;
        operations.end_expired();
        let status = fields.text(Field::TaskStatus);
        match status.as_deref() {
            Some("completed") => {
                let result = fields.value(Field::TaskResult);
                operations.completed(id, |running, capture| {
                    let Some(result) = result else {
                        return Outcome::success();
                    };
                    running.set_output(&result, capture);
                    result::outcome_of(&result)
                });
            }
            Some("failed") => {
                let error = fields.value(Field::TaskError);
                let error = error.as_ref().and_then(Value::as_object);
                operations.failed(id, error.unwrap_or(&Map::new()));
            }
            Some("cancelled") => operations.cancelled(id),
            Some(_) => {}
            // The answer of `tasks/result` is the result.
            None => operations.completed(id, |running, capture| {
                result::capture(fields, running, capture);
                result::outcome(fields)
            }),
        }
    }
}
