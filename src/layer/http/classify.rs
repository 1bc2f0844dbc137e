//! The outcome of an HTTP response, from its status.

use http::StatusCode;

use crate::{activity::Classify, record::Outcome};

/// The default classifier of HTTP responses: 408 and 504 are timeouts, whether the client, this server or the one behind it
/// was too slow; other 5xx are failures whose error type is the status.
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
            status if is_timeout(status) || status.is_server_error() => failed(status),
            _ => Outcome::success(),
        }
    }
}

/// 408 is what timeout layers respond with, 504 what gateways do.
fn is_timeout(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::GATEWAY_TIMEOUT
}

/// The outcome of a response whose status is a failure.
pub(crate) fn failed(status: StatusCode) -> Outcome {
    if is_timeout(status) {
        Outcome::failed("timeout")
    } else {
        Outcome::failed(status.as_str().to_owned())
    }
}
