//! The server around a server.

use rmcp::{ServerHandler, handler::server::router::Router};

use crate::mcp::{
    Tools,
    rmcp::{RouterWithActivity, recorder::Recorder},
};

/// Puts the tool calls of a server on the record: of every [`ServerHandler`], and of every [`Router`].
///
/// `Form` tells the two apart, and is always inferred.
pub trait WithActivityExt<Form>: Sized {
    /// The server whose calls are on the record.
    type Recorded;

    /// Wraps the server: `.with_activity(&log)`, or `.with_activity(&log.tools().brand(..))`.
    ///
    /// Over HTTP this belongs into the factory, which is called once a session.
    fn with_activity(self, tools: impl Into<Tools>) -> Self::Recorded;
}

impl<H: ServerHandler> WithActivityExt<()> for H {
    type Recorded = WithActivity<H>;

    fn with_activity(self, tools: impl Into<Tools>) -> WithActivity<H> {
        WithActivity {
            inner: self,
            recorder: Recorder::new(tools.into()),
        }
    }
}

impl<S: ServerHandler> WithActivityExt<Router<S>> for Router<S> {
    type Recorded = RouterWithActivity<S>;

    fn with_activity(self, tools: impl Into<Tools>) -> RouterWithActivity<S> {
        RouterWithActivity::new(self, Recorder::new(tools.into()))
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
