//! One recorded call: what it is called, and how it ended.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
};

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult},
    service::RequestContext,
};

use crate::{
    activity::{Activity, Describe},
    mcp::{Tool, WithActivity, names},
    pipeline::Room,
    record::{Capture, Kind, Outcome, Text},
};

/// The header that names a session of the streamable HTTP transport.
const SESSION_HEADER: &str = "mcp-session-id";

impl<H: ServerHandler> WithActivity<H> {
    /// Calls the tool inside of an activity.
    pub(super) async fn record_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let capture = self.tools.capture(&request.name);
        let mut describe =
            self.describe(Kind::Tool, names::CALL_TOOL, request.name.clone(), &context);
        if let Some(brand) = self.brand(&request.name) {
            describe = describe.brand(brand);
        }
        let arguments = (capture != Capture::Off).then(|| request.arguments.clone());
        self.record(
            describe,
            context,
            |activity| {
                if let Some(arguments) = arguments {
                    activity.set_input(&arguments, capture);
                }
            },
            |context| self.inner.call_tool(request, context),
            |activity, response| tool_outcome(activity, response, capture),
        )
        .await
    }

    /// Runs a request inside of an activity: cancelled where the client said so, failed with the JSON-RPC code
    /// where the answer is a protocol error, else what `outcome` says.
    pub(super) async fn record<T, F>(
        &self,
        describe: Describe,
        context: RequestContext<RoleServer>,
        begin: impl FnOnce(&Activity),
        run: impl FnOnce(RequestContext<RoleServer>) -> F,
        outcome: impl Fn(&Activity, &T) -> Outcome,
    ) -> Result<T, ErrorData>
    where
        F: Future<Output = Result<T, ErrorData>>,
    {
        let mut room = Room::default();
        poll_fn(|cx| self.tools.log.poll_room(&mut room, cx)).await;
        let running = self.tools.log.start_with(describe, room.take());
        begin(&running);
        let activity = Activity::clone(&running);
        let cancelled = context.ct.clone();
        let call = running.observe(
            async move { run(context).await },
            move |answer: &Result<T, ErrorData>| match answer {
                // The body runs on after the client has cancelled, and its answer is thrown away.
                _ if cancelled.is_cancelled() => Outcome::cancelled(),
                Ok(answer) => outcome(&activity, answer),
                Err(error) => Outcome::failed(error.code.0.to_string())
                    .with_message(error.message.to_string()),
            },
        );
        let mut call = pin!(call);
        poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).unwrap_or_else(|panic| {
                if self.tools.reply_on_panic {
                    Err(ErrorData::internal_error("the tool panicked", None)).into()
                } else {
                    resume_unwind(panic)
                }
            })
        })
        .await
    }

    /// What every request of a client has in common.
    pub(super) fn describe(
        &self,
        kind: Kind,
        method: &'static str,
        name: impl Into<Text>,
        context: &RequestContext<RoleServer>,
    ) -> Describe {
        let mut describe = Describe::new(kind, name)
            .request(context.id.to_string())
            .attribute(names::METHOD, method);
        if let Some(version) = context.protocol_version() {
            describe = describe.attribute(names::PROTOCOL_VERSION, version.to_string());
        }
        let parts = context.extensions.get::<Parts>();
        let session = match parts {
            Some(parts) => session_header(parts).map(|session| Text::from(session.to_owned())),
            None => Some(self.session.clone()),
        };
        // Over HTTP without sessions rmcp makes a client up where the request itself names none.
        let client = match session {
            Some(_) => context.client_info(),
            None => context.meta.client_info(),
        };
        if let Some(client) = client {
            describe = describe
                .attribute(names::CLIENT_NAME, client.name)
                .attribute(names::CLIENT_VERSION, client.version);
        }
        if let Some(session) = session {
            describe = describe.session(session);
        }
        // A layer around the HTTP service leaves its activity here: its task-local does not reach us.
        if let Some(parent) = parts.and_then(|parts| parts.extensions.get::<Activity>()) {
            describe = describe.parent(parent);
        }
        describe.attribute(
            names::TRANSPORT,
            if parts.is_some() { "tcp" } else { "pipe" },
        )
    }

    /// The brand that the rule names. A rule that panics names none.
    fn brand(&self, name: &str) -> Option<Text> {
        let rule = self.tools.brand.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| {
            let definition = self.inner.get_tool(name);
            rule(&Tool {
                name,
                definition: definition.as_ref(),
            })
        }))
        .ok()
        .flatten()
    }
}

fn session_header(parts: &Parts) -> Option<&str> {
    parts.headers.get(SESSION_HEADER)?.to_str().ok()
}

fn tool_outcome(activity: &Activity, response: &CallToolResponse, capture: Capture) -> Outcome {
    match response {
        CallToolResponse::Complete(result) => {
            activity.set_output(result, capture);
            if result.is_error == Some(true) {
                let outcome = Outcome::failed(names::TOOL_ERROR);
                return match first_text(result) {
                    Some(text) => outcome.with_message(text.to_owned()),
                    None => outcome,
                };
            }
        }
        CallToolResponse::InputRequired(_) => activity.set(names::RESULT_TYPE, "input_required"),
        CallToolResponse::Task(_) => activity.set(names::RESULT_TYPE, "task"),
        _ => {}
    }
    Outcome::success()
}

fn first_text(result: &CallToolResult) -> Option<&str> {
    result
        .content
        .iter()
        .find_map(|block| block.as_text().map(|text| text.text.as_str()))
}
