//! The configuration of a webhook.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    notify::Secret,
    record::Filter,
    redact::Redactor,
    store::{RecordKind, is_name},
};

/// A webhook: which records to send, and where.
///
/// # Examples
///
/// ```
/// use tower_activity::notify::Webhook;
///
/// let deployments = Webhook::events("deployments", "https://example.com/hook")?;
/// assert!(Webhook::events("deployments", "ftp://example.com").is_err());
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Webhook {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) what: RecordKind,
    pub(super) filter: Filter,
    pub(super) secret: Option<Secret>,
    pub(super) reach: Reach,
    pub(super) after: Option<i64>,
}

/// The addresses that a webhook may send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Also loopback and private networks.
    Private,
}

impl Webhook {
    /// Creates a webhook for ended activities.
    ///
    /// # Errors
    ///
    /// If the name is empty or contains control characters, or the URL is not `http` or `https` or contains credentials.
    pub fn activities(name: impl Into<String>, url: impl Into<String>) -> Result<Self> {
        Webhook::new(RecordKind::Activities, name.into(), url.into())
    }

    /// Creates a webhook for events.
    ///
    /// # Errors
    ///
    /// As for [`activities`](Self::activities).
    pub fn events(name: impl Into<String>, url: impl Into<String>) -> Result<Self> {
        Webhook::new(RecordKind::Events, name.into(), url.into())
    }

    fn new(what: RecordKind, name: String, url: String) -> Result<Self> {
        if !is_name(&name) {
            return Err(Error::invalid(format!(
                "{name:?} is not the name of a webhook: it needs a character that is visible, and no control characters"
            )));
        }
        check_url(&url)?;
        Ok(Webhook {
            name,
            url,
            what,
            filter: Filter::default(),
            secret: None,
            reach: Reach::Public,
            after: None,
        })
    }

    /// Sends only records that match the filter [default: all]. It is stored as text, with instants in UTC.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the signing secret [default: generated].
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Allows loopback and private addresses.
    pub fn allow_private(mut self) -> Self {
        self.reach = Reach::Private;
        self
    }

    /// Starts after this position in commit order [default: records committed after the webhook is added].
    pub fn after(mut self, seq: i64) -> Self {
        self.after = Some(seq);
        self
    }
}

fn check_url(url: &str) -> Result<()> {
    // The invalid part may be a password.
    let shown = Redactor::new().text(url).unwrap_or_default();
    let parsed: ureq::http::Uri = url.parse().map_err(|cause| {
        Error::invalid(format!("cannot send to {shown:?}: not a URL")).with_source(cause)
    })?;
    let why = match (parsed.scheme_str(), parsed.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            "the URL contains credentials, which would be shown; the receiver can verify signatures instead"
        }
        (Some("http" | "https"), Some(_)) => return Ok(()),
        _ => "only http:// and https:// are supported",
    };
    Err(Error::invalid(format!("cannot send to {shown:?}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_in_the_error() {
        for url in [
            "http://u:hunter2@h/x",
            "ftp://u:hunter2@h",
            "http://u:hunter2@h:x y",
        ] {
            let error = Webhook::events("w", url).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
