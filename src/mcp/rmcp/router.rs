//! The wrapper around rmcp's `Router`, which handles calls itself and is not a [`ServerHandler`].

use std::{borrow::Cow, fmt};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, Service,
    handler::server::router::Router,
    model::{ClientNotification, ClientRequest, ProtocolVersion, ServerConfig, ServerResult, Tool},
    service::{NotificationContext, RequestContext},
};

use crate::mcp::rmcp::recorder::{self, Recorder, is_first_page};

/// A [`Router`] whose calls are recorded. Returned by [`WithActivityExt`](crate::mcp::WithActivityExt).
pub struct RouterWithActivity<S> {
    inner: Router<S>,
    recorder: Recorder,
}

impl<S> RouterWithActivity<S> {
    pub(super) fn new(inner: Router<S>, recorder: Recorder) -> Self {
        RouterWithActivity { inner, recorder }
    }

    fn tool(&self, name: &str) -> Option<Tool>
    where
        S: ServerHandler,
    {
        let routed = self.inner.tool_router.get(name).cloned();
        routed.or_else(|| self.inner.service.get_tool(name))
    }

    /// Returns a reference to the inner router.
    pub fn get_ref(&self) -> &Router<S> {
        &self.inner
    }

    /// Returns the inner router.
    pub fn into_inner(self) -> Router<S> {
        self.inner
    }
}

impl<S: ServerHandler> Service<RoleServer> for RouterWithActivity<S> {
    async fn handle_request(
        &self,
        mut request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let mut answer = None;
        let call = match &mut request {
            ClientRequest::CallToolRequest(request) => {
                let reported = self
                    .recorder
                    .take(&mut request.params, |name| self.tool(name));
                answer = reported.missing_tool.as_ref().map(recorder::answer);
                let params = &request.params;
                let definition = || self.tool(&params.name);
                let call = self.recorder.tool(params, reported, definition, &context);
                Some(call.await)
            }
            ClientRequest::GetPromptRequest(request) => {
                self.recorder.prompt(&request.params, &context).await
            }
            ClientRequest::ReadResourceRequest(request) => {
                self.recorder.resource(&request.params, &context).await
            }
            _ => None,
        };
        if let Some(call) = call {
            if let Some(answer) = answer {
                let answer = |_| async { Ok(ServerResult::CallToolResult(answer)) };
                return self.recorder.run(call, context, answer).await;
            }
            let run = |context| self.inner.handle_request(request, context);
            return self.recorder.run(call, context, run).await;
        }
        let listed = match &request {
            ClientRequest::ListToolsRequest(request) => {
                Some(is_first_page(request.params.as_ref()))
            }
            _ => None,
        };
        let cancelled = match &request {
            ClientRequest::CancelTaskRequest(request) => Some(request.params.task_id.clone()),
            _ => None,
        };
        let mut response = self.inner.handle_request(request, context).await?;
        if let (ServerResult::ListToolsResult(result), Some(is_first)) = (&mut response, listed) {
            self.recorder.extend(&mut result.tools, is_first);
        }
        if let ServerResult::GetTaskResult(result) = &response {
            self.recorder.task_fetched(&result.task);
        }
        if let Some(id) = cancelled {
            self.recorder.task_cancelling(&id);
        }
        Ok(response)
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.inner.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }
}

impl<S> fmt::Debug for RouterWithActivity<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterWithActivity")
            .field("recorder", &self.recorder)
            .finish_non_exhaustive()
    }
}
