//! The tokens of the HTTP API that a store keeps.

use std::fmt;

use chrono::{DateTime, Utc};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::error::{Error, Result};

/// A named token of the HTTP API: a client that sends its secret may read what its filter matches.
///
/// The store keeps the SHA-256 of the secret, not the secret: `web::TokenSecret` makes both.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessToken {
    /// The name, unique in the store.
    pub name: String,
    /// The SHA-256 of its secret.
    pub hash: [u8; 32],
    /// The text of the filter that limits it; empty for everything. Values match in the case in which they are written.
    pub filter: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is invalid; `None` for never.
    pub expires_at: Option<DateTime<Utc>>,
}

impl AccessToken {
    /// Creates a token without an expiry.
    pub fn new(
        name: impl Into<String>,
        hash: [u8; 32],
        filter: impl Into<String>,
        created_at: DateTime<Utc>,
    ) -> Self {
        AccessToken {
            name: name.into(),
            hash,
            filter: filter.into(),
            created_at,
            expires_at: None,
        }
    }

    /// Checks the name.
    ///
    /// # Errors
    ///
    /// If it is empty or blank, or has control characters.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn check(&self) -> Result<()> {
        match is_name(&self.name) {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "{:?} is not the name of a token: it needs a character that is visible, and no control characters",
                self.name
            ))),
        }
    }

    /// Whether it is still valid.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// Whether a text can name something: it is not blank, and has no control characters.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "webhook"))]
pub(crate) fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("name", &self.name)
            .field("filter", &self.filter)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
