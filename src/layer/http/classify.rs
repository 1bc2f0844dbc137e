//! What the status of a response says.

use http::StatusCode;

use crate::{activity::Classify, record::Outcome};

/// The default classifier of HTTP responses: 5xx is a failure, whose error type is the status.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByStatus {
    pub(super) denied: Denied,
}

/// What 401 and 403 are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Denied {
    /// Answers like others: the service did what it is for.
    #[default]
    Success,
    /// Failures.
    Failed,
}

impl Classify<StatusCode> for ByStatus {
    fn classify(&self, status: &StatusCode) -> Outcome {
        match *status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.denied == Denied::Failed => {
                Outcome::failed("denied")
            }
            status if status.is_server_error() => Outcome::failed(status.as_str().to_owned()),
            _ => Outcome::success(),
        }
    }
}
