//! The wrapper around a server.

use rmcp::{ServerHandler, handler::server::router::Router};

use crate::mcp::{
    ToolOptions,
    rmcp::{
        RouterWithActivity,
        recorder::{Recorder, Wrapped},
    },
};

/// Extends servers with a method that records their tool calls. Implemented for every [`ServerHandler`] and [`Router`].
///
/// # Examples
///
/// ```no_run
/// use rmcp::{ServerHandler, ServiceExt, transport::stdio};
/// use tower_activity::{ActivityLog, mcp::WithActivityExt, record::Capture};
///
/// # struct MyServer;
/// # impl ServerHandler for MyServer {}
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let log = ActivityLog::open("activity.db")?;
/// let tools = log.tools().previews(Capture::Preview).prompts();
/// let server = MyServer.with_activity(&tools).serve(stdio()).await?;
/// # server.waiting().await?;
/// # Ok(())
/// # }
/// ```
pub trait WithActivityExt: Sized {
    /// Wraps the server: `.with_activity(&log)`, or `.with_activity(&log.tools().brand(…))`.
    ///
    /// Over HTTP, call it in the factory, which runs once per session. `Form` is always inferred.
    fn with_activity<Form>(
        self,
        tools: impl Into<ToolOptions>,
    ) -> <Self as ToolServer<Form>>::Recorded
    where
        Self: ToolServer<Form>,
    {
        self.recorded(tools.into())
    }
}

// For every type, so that the compiler reports a server of another rmcp version by the message below, instead of as a
// missing method.
impl<T> WithActivityExt for T {}

/// A server that [`WithActivityExt`] can wrap. `Form` distinguishes a [`ServerHandler`] from a [`Router`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a server of an rmcp that tower-activity supports: 3.9 to 3.11",
    label = "neither a `ServerHandler` nor a `Router` of rmcp 3.9 to 3.11",
    note = "`cargo tree --invert rmcp` fails if this program has more than one rmcp, and names them"
)]
pub trait ToolServer<Form> {
    /// The wrapped server.
    type Recorded;

    /// Wraps the server.
    fn recorded(self, tools: ToolOptions) -> Self::Recorded;
}

impl<H: ServerHandler> ToolServer<()> for H {
    type Recorded = WithActivity<H>;

    fn recorded(self, tools: ToolOptions) -> WithActivity<H> {
        WithActivity {
            inner: self,
            recorder: Recorder::new(tools, Wrapped::Handler),
        }
    }
}

/// A [`Router`]. A trait, so that `ToolServer` has two blanket impls: with one, the compiler would not print the message
/// above, but ask for a `ServerHandler`, which a server of another rmcp version implements.
pub trait IsRouter {
    type Service: ServerHandler;

    fn router(self) -> Router<Self::Service>;
}

impl<S: ServerHandler> IsRouter for Router<S> {
    type Service = S;

    fn router(self) -> Router<S> {
        self
    }
}

impl<R: IsRouter> ToolServer<Router<R::Service>> for R {
    type Recorded = RouterWithActivity<R::Service>;

    fn recorded(self, tools: ToolOptions) -> Self::Recorded {
        RouterWithActivity::new(self.router(), Recorder::new(tools, Wrapped::Service))
    }
}

/// A tool server whose calls are recorded. Returned by [`WithActivityExt::with_activity`].
#[derive(Debug, Clone)]
pub struct WithActivity<H> {
    pub(super) inner: H,
    pub(super) recorder: Recorder,
}

impl<H> WithActivity<H> {
    /// Returns a reference to the inner server.
    pub fn get_ref(&self) -> &H {
        &self.inner
    }

    /// Returns the inner server.
    pub fn into_inner(self) -> H {
        self.inner
    }
}
