//! The layer around a server's router, and the service that it makes.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tower_mcp::{
    context::CancellationToken,
    protocol::{Implementation, McpRequest},
    router::{RouterRequest, RouterResponse},
};

use crate::{
    activity::{Activity, ActivityFuture, Running},
    mcp::{
        Tools,
        tower_mcp::{classify::ByAnswer, describe::describe},
    },
    pipeline::Admission,
    record::Capture,
};

/// Puts the tool calls of a server built with `tower-mcp` on the record. Made by [`Tools::layer`].
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
#[must_use = "a layer does nothing until it is put around a service"]
pub struct ToolsLayer {
    tools: Tools,
    cancellation: Cancellation,
}

/// Whether a call that its client cancels is seen as such.
#[derive(Debug, Clone, Copy)]
enum Cancellation {
    Unseen,
    Seen,
}

impl Tools {
    /// The layer for a server built with `tower-mcp`: for every transport's `.layer(..)`.
    ///
    /// Tool calls that came in over HTTP become children of their request's activity where the transport is told to
    /// hand that on: `.bridge_extension::<Activity>()`. From it they have their session, too.
    ///
    /// What `tower-mcp` does not hand on is not recorded: a conversation that a client names in its `_meta`, the tags of
    /// a tool, and over HTTP the client of a session, unless it says in each request who it is.
    pub fn layer(&self) -> ToolsLayer {
        ToolsLayer {
            tools: self.clone(),
            cancellation: Cancellation::Unseen,
        }
    }
}

impl ToolsLayer {
    /// Sees when a client cancels a call: it ends as `cancelled` then, and not as its body, which runs on.
    ///
    /// For that each request gets a [`CancellationToken`] of its own, where it has none yet. It stands before the
    /// transport's: a tool no longer sees that the connection drains.
    pub fn see_cancellation(mut self) -> Self {
        self.cancellation = Cancellation::Seen;
        self
    }
}

impl<S> Layer<S> for ToolsLayer {
    type Service = ToolsService<S>;

    fn layer(&self, inner: S) -> ToolsService<S> {
        ToolsService {
            inner,
            layer: self.clone(),
            greeted: Arc::default(),
            admission: Admission::default(),
        }
    }
}

/// A server whose tool calls are on the record. Made by [`ToolsLayer`].
#[derive(Debug, Clone)]
pub struct ToolsService<S> {
    inner: S,
    layer: ToolsLayer,
    /// The client of this connection, where it has said who it is.
    greeted: Arc<OnceLock<Implementation>>,
    admission: Admission,
}

impl<S> Service<RouterRequest> for ToolsService<S>
where
    S: Service<RouterRequest, Response = RouterResponse>,
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
        if let McpRequest::Initialize(hello) = &request.inner {
            self.greeted.get_or_init(|| hello.client_info.clone());
        }
        let mut running = match describe(tools, &request, self.greeted.get()) {
            Some(describe) => tools.log.start_with(describe, self.admission.take()),
            None => Running::inert(),
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
            Cancellation::Unseen => None,
            Cancellation::Seen => {
                if request.extensions.get::<CancellationToken>().is_none() {
                    request.extensions.insert(CancellationToken::new());
                }
                request.extensions.get().cloned()
            }
        };
        let answer = ByAnswer {
            activity: Activity::clone(&running),
            capture,
            token,
        };
        let inner = running.enter(|| self.inner.call(request));
        CallFuture {
            inner: ActivityFuture::new(Some(inner), running, answer),
        }
    }
}

pin_project! {
    /// The future of a call.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CallFuture<F: Future> {
        #[pin]
        inner: ActivityFuture<F, ByAnswer>,
    }
}

impl<F, E> Future for CallFuture<F>
where
    F: Future<Output = Result<RouterResponse, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().inner.poll(cx)
    }
}
