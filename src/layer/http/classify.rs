//! The outcome of an HTTP response, from its status.

use http::StatusCode;

use crate::{activity::Classify, record::Outcome};

/// The default classifier of HTTP responses: 5xx is a failure, whose error type is the status.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByStatus {
    pub(super) denied: Denied,
}

/// How 401 and 403 are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Denied {
    /// As successes: the service did its job.
    #[default]
    Success,
    /// As failures.
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
