//! The layer around a server's router, and its service.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_mcp::{
    context::CancellationToken,
    protocol::{Implementation, McpRequest, McpResponse},
    router::{RouterRequest, RouterResponse},
};
use tower_service::Service;

use crate::{
    activity::{Activity, ActivityFuture, ActivityGuard, Classify},
    mcp::{
        ToolOptions,
        tower_mcp::{
            additions::{self, ListAdditions},
            classify::ByResponse,
            describe::describe,
        },
    },
    pipeline::Admission,
    record::Capture,
};

/// A [`Layer`] that records the tool calls of a server built with `tower-mcp`. Returned by [`ToolOptions::layer`].
///
/// # Examples
///
/// ```no_run
/// use tower_activity::ActivityLog;
/// use tower_mcp::{McpRouter, StdioTransport};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let log = ActivityLog::open("activity.db")?;
/// let mut server = StdioTransport::new(McpRouter::new()).layer(log.tools().layer());
/// server.run().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "layers do nothing unless applied to a service"]
pub struct ToolsLayer {
    tools: ToolOptions,
    cancellation: Cancellation,
}

/// Whether cancellation by the client is detected.
#[derive(Debug, Clone, Copy)]
enum Cancellation {
    Ignored,
    Detected,
}

impl ToolOptions {
    /// Returns the layer for a server built with `tower-mcp`, for the `.layer(…)` of every transport.
    ///
    /// Tool calls over HTTP become children of their request's activity, and inherit its session, if the transport bridges
    /// it: `.bridge_extension::<Activity>()`.
    ///
    /// `tower-mcp` does not expose a conversation in a request's `_meta`, the tags of a tool, and over HTTP the client of a
    /// session, unless it identifies itself in each request: these are not recorded.
    pub fn layer(&self) -> ToolsLayer {
        ToolsLayer {
            tools: self.clone(),
            cancellation: Cancellation::Ignored,
        }
    }
}

impl ToolsLayer {
    /// Detects that a client cancels a call: the call then ends as `cancelled`, instead of with the result of the tool, which
    /// runs on.
    ///
    /// For this each request gets a [`CancellationToken`] of its own, unless it has one. It hides the transport's token: a
    /// tool no longer sees that the connection drains.
    pub fn detect_cancellation(mut self) -> Self {
        self.cancellation = Cancellation::Detected;
        self
    }
}

impl<S> Layer<S> for ToolsLayer {
    type Service = ToolsService<S>;

    fn layer(&self, inner: S) -> ToolsService<S> {
        ToolsService {
            inner,
            layer: self.clone(),
            client_info: Arc::default(),
            admission: Admission::default(),
        }
    }
}

/// A server whose tool calls are recorded. Returned by [`ToolsLayer`].
#[derive(Debug, Clone)]
pub struct ToolsService<S> {
    inner: S,
    layer: ToolsLayer,
    /// The client of this connection, once it has identified itself.
    client_info: Arc<OnceLock<Implementation>>,
    admission: Admission,
}

impl<S> Service<RouterRequest> for ToolsService<S>
where
    S: Service<RouterRequest, Response = RouterResponse>,
    S::Error: 'static,
{
    type Response = RouterResponse;
    type Error = S::Error;
    type Future = CallFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.layer.tools.log.poll_admission(&mut self.admission, cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: RouterRequest) -> Self::Future {
        let tools = &self.layer.tools;
        let reported = additions::take(tools, &mut request);
        let answer = reported.missing_tool.as_ref().map(additions::answer);
        if let McpRequest::Initialize(hello) = &request.inner {
            self.client_info.get_or_init(|| hello.client_info.clone());
        }
        let mut running = match describe(tools, &request, self.client_info.get(), reported) {
            Some(describe) => tools.log.start_with(describe, self.admission.take()),
            None => ActivityGuard::inert(),
        };
        let capture = match &request.inner {
            McpRequest::CallTool(params) => {
                let capture = tools.capture(&params.name);
                running.set_input(&params.arguments, capture);
                capture
            }
            _ => Capture::Off,
        };
        let token = match self.layer.cancellation {
            Cancellation::Ignored => None,
            Cancellation::Detected => {
                if request.extensions.get::<CancellationToken>().is_none() {
                    request.extensions.insert(CancellationToken::new());
                }
                request.extensions.get().cloned()
            }
        };
        let classify = ByResponse {
            activity: Activity::clone(&running),
            capture,
            token,
        };
        if let Some(answer) = answer {
            let answer = Ok::<_, S::Error>(RouterResponse {
                id: request.id,
                inner: Ok(McpResponse::CallTool(answer)),
            });
            running.end(classify.classify(&answer));
            return CallFuture {
                inner: ActivityFuture::new(None, ActivityGuard::inert(), classify),
                answer: answer.ok(),
                list: None,
            };
        }
        let list = additions::list(tools, &request);
        let inner = running.enter(|| self.inner.call(request));
        CallFuture {
            inner: ActivityFuture::new(Some(inner), running, classify),
            answer: None,
            list,
        }
    }
}

pin_project! {
    /// The future of a call. Returned by [`ToolsService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F: Future> {
        #[pin]
        inner: ActivityFuture<F, ByResponse>,
        // The answer to a report of a missing tool, which does not reach the server.
        answer: Option<RouterResponse>,
        // What a list of tools gets in addition.
        list: Option<ListAdditions>,
    }
}

impl<F, E> Future for CallFuture<F>
where
    F: Future<Output = Result<RouterResponse, E>>,
    E: 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(answer) = this.answer.take() {
            return Poll::Ready(Ok(answer));
        }
        let mut result = ready!(this.inner.poll(cx));
        if let (Some(list), Ok(response)) = (this.list, &mut result) {
            list.add_to(response);
        }
        Poll::Ready(result)
    }
}
