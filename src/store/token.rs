//! The tokens of the HTTP API that a store keeps.

use std::fmt;

use chrono::{DateTime, Utc};

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

    /// Whether it is still valid.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
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
