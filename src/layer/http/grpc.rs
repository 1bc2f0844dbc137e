//! gRPC calls over HTTP: their method, timeout and status.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use crate::{layer::http::RequestHead, record::Outcome};

/// The attribute for the status.
pub(super) use crate::activity::RPC_STATUS_CODE as STATUS_CODE;

/// The status of a method that the server does not implement. Clients invent methods, with unbounded cardinality.
pub(super) const UNIMPLEMENTED: &str = "UNIMPLEMENTED";

static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static STATUS: HeaderName = HeaderName::from_static("grpc-status");
static MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The message of tonic's own timeout, whose status is `CANCELLED`.
const TONIC_TIMEOUT: &str = "Timeout expired";

/// Every status, by its code: its name, and the error type of the activity.
const CODES: [(&str, &str); 17] = [
    ("OK", ""),
    ("CANCELLED", ""),
    ("UNKNOWN", "unknown"),
    ("INVALID_ARGUMENT", "invalid_argument"),
    ("DEADLINE_EXCEEDED", "timeout"),
    ("NOT_FOUND", "not_found"),
    ("ALREADY_EXISTS", "already_exists"),
    ("PERMISSION_DENIED", "denied"),
    ("RESOURCE_EXHAUSTED", "resource_exhausted"),
    ("FAILED_PRECONDITION", "failed_precondition"),
    ("ABORTED", "aborted"),
    ("OUT_OF_RANGE", "out_of_range"),
    (UNIMPLEMENTED, "unimplemented"),
    ("INTERNAL", "internal"),
    ("UNAVAILABLE", "unavailable"),
    ("DATA_LOSS", "data_loss"),
    ("UNAUTHENTICATED", "denied"),
];

/// The method of a gRPC call: `package.Service/Method`.
pub(super) fn method<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    if !head.is_grpc {
        return None;
    }
    let path = head.uri.path().strip_prefix('/')?;
    let (service, method) = path.split_once('/')?;
    (is_name(service) && is_name(method)).then_some(path)
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    !text.is_empty() && text.bytes().all(fits)
}

/// The client's timeout of a gRPC call.
pub(super) fn timeout(head: &RequestHead<'_>) -> Option<Duration> {
    let header = head.is_grpc.then(|| head.known(&TIMEOUT)).flatten();
    parse_timeout(header?)
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The status in trailers, or in the headers of a response without a body, and the outcome of the call.
pub(super) fn status(headers: &HeaderMap) -> Option<(&'static str, Outcome)> {
    let code = headers.get(&STATUS)?.to_str().ok();
    let code = code.and_then(|code| code.parse::<usize>().ok());
    // As the specification says, an unknown code is `UNKNOWN`.
    let (code, error_type) = CODES[code.filter(|code| *code < CODES.len()).unwrap_or(2)];
    let message = headers.get(&MESSAGE);
    let message = message.and_then(|message| message.to_str().ok());
    let message = message.map(percent_decoded).unwrap_or_default();
    let outcome = match code {
        "OK" => return Some((code, Outcome::success())),
        "CANCELLED" if message == TONIC_TIMEOUT => Outcome::failed("timeout"),
        "CANCELLED" => Outcome::cancelled(),
        _ => Outcome::failed(error_type),
    };
    Some(match message.as_str() {
        "" => (code, outcome),
        message => (code, outcome.with_message(message)),
    })
}

/// Decodes the percent-encoding of a `grpc-message`.
fn percent_decoded(text: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        bytes.push(code.map_or(*first, |(high, low)| (high * 16 + low) as u8));
        rest = if code.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The outcome of a gRPC call without a status.
pub(super) fn missing_status() -> Outcome {
    Outcome::failed("missing_status")
}
