//! The server around a server.

use rmcp::ServerHandler;

use crate::{
    mcp::Tools,
    record::{InstanceId, Text},
};

/// Puts the tool calls of a server on the record. Implemented for every [`ServerHandler`].
pub trait WithActivityExt: ServerHandler {
    /// Wraps the server: `.with_activity(&log)`, or `.with_activity(&log.tools().brand(..))`.
    ///
    /// Over HTTP this belongs into the factory, which is called once a session.
    fn with_activity(self, tools: impl Into<Tools>) -> WithActivity<Self> {
        WithActivity::new(self, tools.into())
    }
}

impl<H: ServerHandler> WithActivityExt for H {}

/// A tool server whose calls are on the record. Made by [`WithActivityExt::with_activity`].
#[derive(Debug, Clone)]
pub struct WithActivity<H> {
    pub(super) inner: H,
    pub(super) tools: Tools,
    /// The session of a transport that names none: one for each wrapped server.
    pub(super) session: Text,
}

impl<H> WithActivity<H> {
    fn new(inner: H, tools: Tools) -> Self {
        let now = chrono::Utc::now().timestamp_micros();
        let session = InstanceId::from_parts(now, fastrand::u64(..)).to_string();
        WithActivity {
            inner,
            tools,
            session: session.into(),
        }
    }

    /// The server inside.
    pub fn get_ref(&self) -> &H {
        &self.inner
    }

    /// Takes the wrapper off.
    pub fn into_inner(self) -> H {
        self.inner
    }
}
