//! The layer.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{service::HttpTapService, sessions::Sessions};
use crate::{
    mcp::{ToolOptions, wire::TapCounts},
    record::{Outcome, Scope, Text},
};

/// A layer around an HTTP service that speaks MCP, in any SDK: it reads the messages in the bodies that pass, and records the calls.
/// Returned by [`ToolOptions::http_tap`].
///
/// It only reads: bodies pass frame by frame, unchanged. Only with [`ToolOptions::intent`] or [`ToolOptions::missing_tool`] two kinds of
/// messages change, as with a [`TapRewriter`](crate::mcp::TapRewriter): the answer of `tools/list`, and the arguments of `tools/call`.
/// Then a request is read before the service is called, and the service is asked for answers that are not compressed: limits and
/// timeouts have to stand outside. So has authorization: with `missing_tool` a report is answered without the service, if that has
/// accepted the session, or gives no session an id.
///
/// A request is an activity from its start, current for the service, and becomes that of the call once its message has passed; a batch
/// becomes an activity with the calls as children. A request without a call is recorded only if the server refuses it, with a status of
/// 4xx or 5xx, if something was recorded inside, or if its trace context was passed on. Log lines that are written before the message
/// has passed are not events of the call.
///
/// It understands streamable HTTP, with sessions and without, and the HTTP+SSE transport of 2024-11-05. Answers are found on any
/// stream of their session. 10,000 sessions are remembered, fewer if their requests without an answer hold more than 64 MiB. What a
/// server says of itself and its tools is remembered by path, of the last 256. A body with a `content-encoding` is not read, but
/// [counted](Self::counts): place a layer that compresses outside. Clones, and all services under it, share sessions and counts.
///
/// In the mode [`Durable`](crate::Mode::Durable) responses do not wait for the commit.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response, header::CONTENT_TYPE};
/// use http_body_util::{BodyExt, Full};
/// use bytes::Bytes;
/// use tower::{Layer, ServiceExt, service_fn};
/// use tower_activity::{ActivityLog, mcp::HttpTapRequestBody};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let log = ActivityLog::open(":memory:")?;
/// // A server of any SDK.
/// let server = service_fn(async |request: Request<HttpTapRequestBody<Full<Bytes>>>| {
///     let _call = request.into_body().collect().await;
///     let answer = r#"{"jsonrpc": "2.0", "id": 1, "result": {"content": []}}"#;
///     let response = Response::builder().header(CONTENT_TYPE, "application/json");
///     Ok::<_, Infallible>(response.body(Full::new(Bytes::from(answer))).expect("a valid response"))
/// });
/// let server = log.tools().http_tap().layer(server);
///
/// let call = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}"#;
/// let call = Request::post("/mcp").header(CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(call)))?;
/// server.oneshot(call).await?.into_body().collect().await?;
///
/// let log = log.shutdown().await?;
/// assert_eq!(log.activities.committed, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct HttpTapLayer {
    sessions: Arc<Sessions>,
}

impl ToolOptions {
    /// Returns a layer for an HTTP service that speaks MCP, of any SDK, see [`HttpTapLayer`]. For a server that `with_activity` or
    /// `layer` wraps, `ActivityLayer::http` is the layer.
    pub fn http_tap(&self) -> HttpTapLayer {
        HttpTapLayer {
            sessions: Arc::new(Sessions::new(self.clone())),
        }
    }
}

impl HttpTapLayer {
    /// Sets what every call belongs to. Call it before the layer is used: it forgets the sessions.
    pub fn scope(self, scope: &Scope) -> Self {
        HttpTapLayer {
            sessions: Arc::new(self.sessions.with_scope(scope)),
        }
    }

    /// Names the server, and all servers if there are several; by default each as it names itself.
    pub fn server_name(self, name: impl Into<Text>) -> Self {
        self.sessions.name_servers(name.into());
        self
    }

    /// Ends the calls that were not answered: the server is gone. A call whose response is open ends with this outcome too, at the
    /// latest when its response ends. Call it before connections are closed.
    pub fn close(&self, outcome: &Outcome) {
        self.sessions.close(outcome);
    }

    /// Returns the counts of the messages so far.
    pub fn counts(&self) -> TapCounts {
        self.sessions.counts()
    }
}

impl<S> Layer<S> for HttpTapLayer {
    type Service = HttpTapService<S>;

    fn layer(&self, inner: S) -> HttpTapService<S> {
        HttpTapService::new(inner, self.sessions.clone())
    }
}

impl fmt::Debug for HttpTapLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTapLayer")
            .field("tools", &self.sessions.tools)
            .finish_non_exhaustive()
    }
}
