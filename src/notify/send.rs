//! Sends a message to an address that was checked.

use std::{io, net::SocketAddr, time::Duration};

use chrono::{DateTime, Utc};
use ureq::{
    Agent, Error as HttpError, Timeout,
    config::Config,
    http::{HeaderMap, StatusCode, Uri, header::RETRY_AFTER},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};

use crate::notify::{Reach, Secret, address::is_public};

/// Bytes of a response to read, so that its connection can be reused.
const MAX_RESPONSE: u64 = 64 << 10;

/// The longest `Retry-After` that is honored.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Sends messages.
#[derive(Debug)]
pub(super) struct Sender {
    public: Agent,
    private: Agent,
}

/// A message to send.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

/// The result of an attempt.
#[derive(Debug)]
pub(super) enum SendResult {
    /// A 2xx response.
    Delivered,
    /// The message cannot have arrived.
    Unreachable(String),
    /// Another response with its `Retry-After`, or no response in time.
    Rejected(String, Option<Duration>),
    /// 410: the receiver wants no more messages.
    Gone(String),
}

impl Sender {
    pub(super) fn new(timeout: Duration) -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                // A redirect could lead to an address that was not checked.
                .max_redirects(0)
                .max_redirects_will_error(false)
                // A proxy would resolve names itself.
                .proxy(None)
                .timeout_global(Some(timeout))
                .user_agent(concat!("tower-activity/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let resolver = PublicResolver(DefaultResolver::default());
        Sender {
            public: Agent::with_parts(config(), DefaultConnector::default(), resolver),
            private: Agent::new_with_config(config()),
        }
    }

    pub(super) fn send(
        &self,
        url: &str,
        reach: Reach,
        secret: &Secret,
        message: &Message,
        now: DateTime<Utc>,
    ) -> SendResult {
        let agent = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        let timestamp = now.timestamp();
        let signature = secret.sign(&message.id, timestamp, &message.body);
        let response = agent
            .post(url)
            .header(
                "content-type",
                "application/cloudevents+json; charset=utf-8",
            )
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .send(&message.body[..]);
        match response {
            Ok(mut response) => {
                let status = response.status();
                // Only the status matters.
                let _ = response
                    .body_mut()
                    .with_config()
                    .limit(MAX_RESPONSE)
                    .read_to_vec();
                let why = format!("answered {status}");
                match status {
                    status if status.is_success() => SendResult::Delivered,
                    StatusCode::GONE => SendResult::Gone(why),
                    _ => SendResult::Rejected(why, retry_after(response.headers(), now)),
                }
            }
            Err(error) if may_have_arrived(&error) => SendResult::Rejected(error.to_string(), None),
            Err(error) => SendResult::Unreachable(error.to_string()),
        }
    }
}

/// Parses `Retry-After`: seconds or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let delay = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true if text.is_empty() => return None,
        // Too many digits for a number: the maximum applies.
        true => Duration::from_secs(text.parse().unwrap_or(u64::MAX)),
        false => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(delay.min(MAX_RETRY_AFTER))
}

/// Whether the receiver may have received the message before the error.
fn may_have_arrived(error: &HttpError) -> bool {
    match error {
        HttpError::HostNotFound
        | HttpError::ConnectionFailed
        | HttpError::Tls(_)
        | HttpError::Rustls(_)
        | HttpError::Timeout(Timeout::Resolve | Timeout::Connect) => false,
        HttpError::Io(error) => !matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::AddrNotAvailable
                | io::ErrorKind::PermissionDenied
        ),
        _ => true,
    }
}

/// Resolves host names to public addresses only.
#[derive(Debug)]
struct PublicResolver(DefaultResolver);

impl Resolver for PublicResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, HttpError> {
        let found = self.0.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|found| is_public(found.ip())) {
            public.push(*address);
        }
        match public.is_empty() {
            false => Ok(public),
            true => {
                let addresses: Vec<_> = found.iter().map(SocketAddr::ip).collect();
                let what = format!(
                    "{} resolves to {addresses:?}, which is not public: allow private addresses for this webhook",
                    uri.host().unwrap_or_default()
                );
                Err(HttpError::Io(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    what,
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_in_seconds_or_a_date() {
        let now = "2026-02-18T12:00:00Z".parse().unwrap();
        let check = |value: &str, seconds: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        };
        check("0", Some(0));
        check(" 120 ", Some(120));
        check("3601", Some(3_600));
        check("99999999999999999999999", Some(3_600));
        check("Wed, 18 Feb 2026 12:00:30 GMT", Some(30));
        check("Wed, 18 Feb 2026 11:00:00 GMT", Some(0));
        check("Thu, 18 Feb 2027 12:00:00 GMT", Some(3_600));
        check("", None);
        check("-1", None);
        check("1.5", None);
        check("soon", None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
