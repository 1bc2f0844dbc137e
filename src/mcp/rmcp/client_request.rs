//! Requests of a tool to its client: their time is the client's, not the tool's.

use std::{error::Error, future::Future};

use rmcp::ServiceError;

use crate::{
    activity::{Activity, ActivityFuture, Classify, Describe},
    mcp::names,
    record::{Kind, Outcome, causes},
};

/// Extends a tool's requests to its client with a method that records them. Implemented for futures of results.
///
/// A call that waits for a person's answer takes as long as the person. As a child, the request has the time that is the
/// client's; the rest of the call is the tool's.
///
/// # Examples
///
/// ```
/// use rmcp::{RoleServer, ServiceError, model::ListRootsResult, service::RequestContext};
/// use tower_activity::mcp::ClientRequestExt;
///
/// # #[allow(deprecated)]
/// async fn roots(context: RequestContext<RoleServer>) -> Result<ListRootsResult, ServiceError> {
///     context.peer.list_roots().recorded_as("roots/list").await
/// }
/// ```
pub trait ClientRequestExt<T, E>: Future<Output = Result<T, E>> + Sized {
    /// Records the request as a child of the current call, named after its method: `elicitation/create`,
    /// `sampling/createMessage`, `roots/list`. It starts here; outside of any activity nothing is recorded.
    ///
    /// It ends as `cancelled` if the client is gone, and as `failed` with the JSON-RPC code for an error.
    fn recorded_as(self, method: &'static str) -> ActivityFuture<Self, ByClient> {
        let describe = Describe::new(Kind::Custom, method)
            .attribute(names::METHOD, method)
            .on_span(names::SPAN_KIND, "client");
        let running = Activity::current().start_child(describe);
        ActivityFuture::new(Some(self), running, ByClient)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> ClientRequestExt<T, E> for F {}

/// The classifier of requests to a client. Used by [`ClientRequestExt`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ByClient;

impl<T, E: Error + 'static> Classify<Result<T, E>> for ByClient {
    fn classify(&self, output: &Result<T, E>) -> Outcome {
        let Err(error) = output else {
            return Outcome::success();
        };
        let error: &(dyn Error + 'static) = error;
        let said = causes(error).find_map(|cause| cause.downcast_ref::<ServiceError>());
        match said {
            Some(ServiceError::McpError(error)) => {
                Outcome::failed(error.code.0.to_string()).with_message(&error.message)
            }
            Some(ServiceError::Timeout { .. }) => Outcome::failed("timeout").with_message(error),
            Some(ServiceError::Cancelled { .. } | ServiceError::TransportClosed) => {
                Outcome::cancelled()
            }
            _ => Outcome::from_error(error),
        }
    }
}
