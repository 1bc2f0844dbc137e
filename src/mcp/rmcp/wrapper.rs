//! The server around a server.

use rmcp::{ServerHandler, handler::server::router::Router};

use crate::mcp::{
    Tools,
    rmcp::{RouterWithActivity, recorder::Recorder},
};

/// Puts the tool calls of a server on the record: of every [`ServerHandler`], and of every [`Router`].
pub trait WithActivityExt: Sized {
    /// Wraps the server: `.with_activity(&log)`, or `.with_activity(&log.tools().brand(..))`.
    ///
    /// Over HTTP this belongs into the factory, which is called once a session. `Form` is always inferred.
    fn with_activity<Form>(self, tools: impl Into<Tools>) -> <Self as ToolServer<Form>>::Recorded
    where
        Self: ToolServer<Form>,
    {
        self.recorded(tools.into())
    }
}

// For every type, so that a server of another rmcp is told about versions and not about a method that is not there.
impl<T> WithActivityExt for T {}

/// A server that [`WithActivityExt`] wraps. `Form` tells a [`ServerHandler`] from a [`Router`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a server of an rmcp that tower-activity works with: 3.9 to 3.11",
    label = "neither a `ServerHandler` nor a `Router` of rmcp 3.9 to 3.11",
    note = "`cargo tree --invert rmcp` fails if this program has more than one rmcp, and names them"
)]
pub trait ToolServer<Form> {
    /// The server whose calls are on the record.
    type Recorded;

    /// Wraps the server.
    fn recorded(self, tools: Tools) -> Self::Recorded;
}

impl<H: ServerHandler> ToolServer<()> for H {
    type Recorded = WithActivity<H>;

    fn recorded(self, tools: Tools) -> WithActivity<H> {
        WithActivity {
            inner: self,
            recorder: Recorder::new(tools),
        }
    }
}

/// A [`Router`]. A trait, so that there are two impls for all types: with one the compiler would not print the message above, but
/// ask for a `ServerHandler`, which a server of another rmcp has.
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

    fn recorded(self, tools: Tools) -> Self::Recorded {
        RouterWithActivity::new(self.router(), Recorder::new(tools))
    }
}

/// A tool server whose calls are on the record. Made by [`WithActivityExt::with_activity`].
#[derive(Debug, Clone)]
pub struct WithActivity<H> {
    pub(super) inner: H,
    pub(super) recorder: Recorder,
}

impl<H> WithActivity<H> {
    /// The server inside.
    pub fn get_ref(&self) -> &H {
        &self.inner
    }

    /// Takes the wrapper off.
    pub fn into_inner(self) -> H {
        self.inner
    }
}
