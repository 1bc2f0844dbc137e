//! One message on its way: to an address that was checked, and nowhere else.

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

/// So much of an answer is read, so that its connection can be used again.
const ANSWER_BYTES: u64 = 64 << 10;

/// A receiver is not given longer than this where it asks to be left alone.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(3_600);

/// Sends messages.
#[derive(Debug)]
pub(super) struct Sender {
    public: Agent,
    private: Agent,
}

/// A message to be sent.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

/// What came of a message.
#[derive(Debug)]
pub(super) enum Sent {
    /// The receiver has taken it.
    Taken,
    /// The receiver was not there to hear of it.
    Unreachable(String),
    /// The receiver did not take it, or did not say so in time, and may have said after how long it may do so.
    Refused(String, Option<Duration>),
    /// The receiver is gone, and asks not to be sent anything any more.
    Gone(String),
}

impl Sender {
    pub(super) fn new(timeout: Duration) -> Self {
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                // One could lead to an address that nobody has checked.
                .max_redirects(0)
                .max_redirects_will_error(false)
                // It would look names up by itself.
                .proxy(None)
                .timeout_global(Some(timeout))
                .user_agent(concat!("tower-activity/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let public = Public(DefaultResolver::default());
        Sender {
            public: Agent::with_parts(config(), DefaultConnector::default(), public),
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
    ) -> Sent {
        let agent = match reach {
            Reach::Public => &self.public,
            Reach::Private => &self.private,
        };
        let timestamp = now.timestamp();
        let signature = secret.sign(&message.id, timestamp, &message.body);
        let answer = agent
            .post(url)
            .header(
                "content-type",
                "application/cloudevents+json; charset=utf-8",
            )
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .send(&message.body[..]);
        match answer {
            Ok(mut answer) => {
                let status = answer.status();
                // Whatever it says beside its status is not for us.
                let _ = answer
                    .body_mut()
                    .with_config()
                    .limit(ANSWER_BYTES)
                    .read_to_vec();
                let why = format!("answered {status}");
                match status {
                    status if status.is_success() => Sent::Taken,
                    StatusCode::GONE => Sent::Gone(why),
                    _ => Sent::Refused(why, retry_after(answer.headers(), now)),
                }
            }
            Err(error) if was_reached(&error) => Sent::Refused(error.to_string(), None),
            Err(error) => Sent::Unreachable(error.to_string()),
        }
    }
}

/// How long the receiver asks to be left alone: it says so in seconds, or by a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true if text.is_empty() => return None,
        // What has too many digits for a number is long.
        true => Duration::from_secs(text.parse().unwrap_or(u64::MAX)),
        false => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(time.min(LONGEST_ASKED))
}

/// True where the receiver may have heard of the message before something went wrong.
fn was_reached(error: &HttpError) -> bool {
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

/// Looks names up, and gives no address that is not public.
#[derive(Debug)]
struct Public(DefaultResolver);

impl Resolver for Public {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, HttpError> {
        let found = self.0.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|one| is_public(one.ip())) {
            public.push(*address);
        }
        match public.is_empty() {
            false => Ok(public),
            true => {
                let named: Vec<_> = found.iter().map(SocketAddr::ip).collect();
                let what = format!(
                    "{} is at {named:?}, which is not public: such webhooks have to be allowed",
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
    fn a_receiver_says_when_to_come_back_in_seconds_or_by_a_date() {
        let now = "2026-02-18T12:00:00Z".parse().unwrap();
        let check = |said: &str, seconds: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, said.parse().unwrap())]);
            assert_eq!(
                retry_after(&headers, now),
                seconds.map(Duration::from_secs),
                "{said}"
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
