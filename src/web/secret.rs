//! The secrets of named tokens.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The prefix of a secret, by which it is recognized, by secret scanners too.
const PREFIX: &str = "activity_";
/// Its random bytes.
const LEN: usize = 32;

/// The secret of a named token: `activity_` and 256 random bits in hexadecimal.
///
/// It cannot be recovered from the [`AccessToken`](crate::store::AccessToken) that the store keeps.
///
/// # Examples
///
/// ```
/// use chrono::Utc;
/// use tower_activity::{
///     store::{AccessToken, Store, sqlite::SqliteStore},
///     web::TokenSecret,
/// };
///
/// # fn main() -> tower_activity::Result<()> {
/// let store = SqliteStore::new(":memory:")?;
/// # let _log = store.maintenance()?;
/// let secret = TokenSecret::random()?;
/// let token = AccessToken::new("acme", secret.hash(), "project:acme", Utc::now());
/// store.maintenance()?.create_token(&token)?;
/// println!("{}", secret.reveal());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenSecret(String);

impl TokenSecret {
    /// Creates a random secret.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; LEN];
        getrandom::fill(&mut bytes).map_err(|cause| {
            Error::store("could not make a token: the system has no random numbers")
                .with_source(cause)
        })?;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(TokenSecret(format!("{PREFIX}{hex}")))
    }

    /// Returns its text, which clients send.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the hash, for [`AccessToken::new`](crate::store::AccessToken::new).
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

/// Returns the hash of a text that may be the secret of a named token; `None` if it has another form.
pub(super) fn hash_of(text: &str) -> Option<[u8; 32]> {
    text.starts_with(PREFIX).then(|| hash(text))
}

/// 256 random bits cannot be guessed, so a fast hash without salt keeps them as safe as a slow one.
fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}
