//! What somebody wants to be told of, and where.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    notify::Secret,
    record::Filter,
    redact::Redactor,
    store::What,
};

/// What somebody wants to be told of, and where.
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
    pub(super) what: What,
    pub(super) filter: Filter,
    pub(super) secret: Option<Secret>,
    pub(super) reach: Reach,
    pub(super) after: Option<i64>,
}

/// Where a webhook may send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reach {
    /// Only to addresses of the public internet.
    Public,
    /// Also to this machine and its network.
    Private,
}

impl Webhook {
    /// Tells of ended activities.
    ///
    /// # Errors
    ///
    /// When the name is empty, or the URL is none of `http` or `https`, or names a user.
    pub fn activities(name: impl Into<String>, url: impl Into<String>) -> Result<Self> {
        Webhook::of(What::Activities, name.into(), url.into())
    }

    /// Tells of events.
    ///
    /// # Errors
    ///
    /// As for [`activities`](Self::activities).
    pub fn events(name: impl Into<String>, url: impl Into<String>) -> Result<Self> {
        Webhook::of(What::Events, name.into(), url.into())
    }

    fn of(what: What, name: String, url: String) -> Result<Self> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!("{name:?} is no name of a webhook")));
        }
        check(&url)?;
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

    /// Sets which ones are meant; all by default.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the secret that signatures are made with; a new one by default.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Lets it send to this machine and its network, too.
    pub fn allow_private(mut self) -> Self {
        self.reach = Reach::Private;
        self
    }

    /// Begins after this number in the order of commits; with what comes next by default.
    pub fn after(mut self, seq: i64) -> Self {
        self.after = Some(seq);
        self
    }
}

fn check(url: &str) -> Result<()> {
    // What is wrong may be the password in it.
    let shown = Redactor::new().text(url).unwrap_or_default();
    let parsed: ureq::http::Uri = url.parse().map_err(|cause| {
        Error::invalid(format!("cannot send to {shown:?}: it is no URL")).with_source(cause)
    })?;
    let why = match (parsed.scheme_str(), parsed.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            "it holds credentials, which would be shown: signatures tell the receiver who we are"
        }
        (Some("http" | "https"), Some(_)) => return Ok(()),
        _ => "only http:// and https:// are known",
    };
    Err(Error::invalid(format!("cannot send to {shown:?}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_in_the_error() {
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
