//! What a receiver knows a sender by: signatures as Standard Webhooks has them.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, ErrorKind, Result};

/// How many bytes a secret has: at least, when it is made here, at most.
const BYTES: (usize, usize, usize) = (24, 32, 64);
/// What its text begins with.
const PREFIX: &str = "whsec_";

/// A secret that a receiver shares with us: 24 to 64 bytes, as text `whsec_` and base64.
///
/// # Examples
///
/// ```
/// use tower_activity::notify::Secret;
///
/// let secret = Secret::random()?;
/// assert_eq!(secret.reveal().parse::<Secret>()?, secret);
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Makes one that nobody can guess.
    ///
    /// # Errors
    ///
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self> {
        let mut bytes = vec![0; BYTES.1];
        getrandom::fill(&mut bytes).map_err(|cause| {
            let what = "cannot make a secret: the system gives no random numbers";
            Error::new(ErrorKind::Store, what).with_source(cause)
        })?;
        Ok(Secret(bytes))
    }

    /// Its text, to be handed to the receiver.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The header `webhook-signature` of a message.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl FromStr for Secret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = STANDARD.decode(text.trim().trim_start_matches(PREFIX));
        // The text itself stays out of the message: it may be a secret with one letter wrong.
        match bytes {
            Ok(bytes) if (BYTES.0..=BYTES.2).contains(&bytes.len()) => Ok(Secret(bytes)),
            _ => Err(Error::invalid(
                "cannot use the secret: it is `whsec_` and 24 to 64 bytes in base64",
            )),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
