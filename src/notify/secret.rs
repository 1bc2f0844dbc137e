//! The signing secret of a webhook (Standard Webhooks).

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, ErrorKind, Result};

/// Length of a secret in bytes, as the specification allows.
const LEN: std::ops::RangeInclusive<usize> = 24..=64;
/// Length of a generated secret in bytes.
const GENERATED_LEN: usize = 32;
/// Prefix of its text form.
const PREFIX: &str = "whsec_";

/// A secret shared with the receiver, which verifies signatures with it: 24 to 64 bytes, as text `whsec_` and base64.
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
    /// Generates a random secret of 32 bytes.
    ///
    /// # Errors
    ///
    /// If the operating system provides no random numbers.
    pub fn random() -> Result<Self> {
        let mut bytes = vec![0; GENERATED_LEN];
        getrandom::fill(&mut bytes).map_err(|cause| {
            let what = "could not generate a secret: the system provides no random numbers";
            Error::new(ErrorKind::Store, what).with_source(cause)
        })?;
        Ok(Secret(bytes))
    }

    /// Returns its text form, to configure the receiver with.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Returns the header `webhook-signature` of a message.
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
        // Not part of the message: it may be a secret with a typo.
        match bytes {
            Ok(bytes) if LEN.contains(&bytes.len()) => Ok(Secret(bytes)),
            _ => Err(Error::invalid(
                "invalid secret: expected `whsec_` and 24 to 64 bytes in base64",
            )),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
