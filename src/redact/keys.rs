//! Keys that say by their name that their value is secret.

/// Names that are a secret's when they are all of the key.
const WHOLE: &[&str] = &[
    "auth",
    "bearer",
    "cardno",
    "creditcard",
    "cvc",
    "cvv",
    "iban",
    "jwt",
    "otp",
    "pan",
    "pass",
    "pin",
    "pw",
    "pwd",
    "securitycode",
    "sig",
    "ssn",
    "totp",
];

/// What a secret's key ends with: `stripe_secret_key`, `X-Auth-Token`, `db.password`.
const ENDINGS: &[&str] = &[
    "accesskey",
    "accesstokens",
    "accountkey",
    "apikeys",
    "authkey",
    "authorization",
    "cardnumber",
    "connectionstring",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "creditcardnumber",
    "dbpass",
    "encryptionkey",
    "mfacode",
    "passcode",
    "privkey",
    "refreshtokens",
    "secret",
    "secretkey",
    "secrets",
    "sharedkey",
    "signature",
    "signingkey",
    "socialsecuritynumber",
    "sshkey",
    "token",
    "verificationcode",
];

/// What a secret's key holds anywhere: `new_password_confirmation`, `PASSWORD_HASH`.
const PARTS: &[&str] = &[
    "apikey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secretaccesskey",
];

/// What ends like a secret's key and is none.
const HARMLESS: &[&str] = &[
    "canceltoken",
    "cancellationtoken",
    "continuationtoken",
    "eostoken",
    "firsttoken",
    "nexttoken",
    "pagetoken",
    "pertoken",
    "progresstoken",
    "synctoken",
    "unexpectedtoken",
];

/// Keys whose value is, in a line of text, all of the rest of the line.
const HEADERS: &[&str] = &["authorization", "cookie"];

/// The longest key that is looked at, in bytes; of a longer one its end.
const LONGEST: usize = 64;

/// A key without case and separators.
#[derive(Clone, Copy)]
pub(super) struct Key {
    bytes: [u8; LONGEST],
    start: usize,
}

impl Key {
    pub(super) fn of(key: &str) -> Key {
        let mut found = Key {
            bytes: [0; LONGEST],
            start: LONGEST,
        };
        for byte in key.bytes().rev() {
            if !byte.is_ascii_alphanumeric() && byte.is_ascii() {
                continue;
            }
            if found.start == 0 {
                break;
            }
            found.start -= 1;
            found.bytes[found.start] = byte.to_ascii_lowercase();
        }
        found
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Without the number at its end: `password2`.
    fn name(&self) -> &[u8] {
        let key = self.as_bytes();
        let digits = key.iter().rev().take_while(|byte| byte.is_ascii_digit());
        &key[..key.len() - digits.count()]
    }

    /// True when it names a secret.
    pub(super) fn is_secret(&self) -> bool {
        let key = self.name();
        key.len() >= 2
            && !self.is_harmless()
            && (is_one_of(WHOLE, key)
                || ends_with_one_of(ENDINGS, key)
                || PARTS.iter().any(|part| {
                    key.windows(part.len())
                        .any(|window| window == part.as_bytes())
                }))
    }

    /// True when it looks like a secret's name and is known to be none.
    pub(super) fn is_harmless(&self) -> bool {
        ends_with_one_of(HARMLESS, self.name())
    }

    /// True when several words make up the name of a secret: `API key`, `client secret`.
    pub(super) fn is_secret_phrase(&self) -> bool {
        let key = self.name();
        is_one_of(WHOLE, key) || ends_with_one_of(ENDINGS, key) || is_one_of(PARTS, key)
    }

    /// True when its value goes on to the end of the line.
    pub(super) fn is_header(&self) -> bool {
        ends_with_one_of(HEADERS, self.name())
    }
}

fn is_one_of(names: &[&str], key: &[u8]) -> bool {
    names.iter().any(|name| name.as_bytes() == key)
}

fn ends_with_one_of(endings: &[&str], key: &[u8]) -> bool {
    endings
        .iter()
        .any(|ending| key.ends_with(ending.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_in_any_spelling() {
        for key in [
            "password",
            "PASSWORD",
            "password2",
            "new_password_confirmation",
            "db.password",
            "apiKey",
            "API_KEY",
            "x-api-key",
            "Authorization",
            "Proxy-Authorization",
            "Set-Cookie",
            "client_secret",
            "accessToken",
            "X-Auth-Token",
            "private key",
            "CVV",
            "cvv2",
            "card_number",
            "aws_secret_access_key",
            "X-Amz-Signature",
        ] {
            assert!(Key::of(key).is_secret(), "{key}");
        }
    }

    #[test]
    fn keys_that_only_look_so_are_kept() {
        for key in [
            "max_tokens",
            "token_count",
            "tokens",
            "nextPageToken",
            "progressToken",
            "time_to_first_token",
            "author",
            "passenger",
            "compass",
            "secretary",
            "mapping",
            "key",
            "sign",
            "",
            "42",
        ] {
            assert!(!Key::of(key).is_secret(), "{key}");
        }
    }
}
