//! Keys that say by their name that their value is secret.

/// Whole keys, in normal form.
const WHOLE: &[&str] = &[
    "authorization",
    "cardnumber",
    "cookie",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "cvv2",
    "otp",
    "pass",
    "proxyauthorization",
    "pwd",
    "setcookie",
    "sig",
    "ssn",
];

/// What a secret's key ends with, in normal form: `stripe_secret_key`, `X-Auth-Token`, `db.password`.
const ENDINGS: &[&str] = &[
    "accesskey",
    "apikey",
    "cardnumber",
    "clientsecret",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "signature",
    "signingkey",
    "token",
];

/// Keys that end so and hold no secret.
const HARMLESS: &[&str] = &[
    "continuationtoken",
    "nextpagetoken",
    "nexttoken",
    "pagetoken",
    "progresstoken",
];

/// A key without case, separators and spelling: letters and digits alone.
pub(super) fn normal(key: &str) -> String {
    key.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// True when a key in normal form names a secret.
pub(super) fn is_secret(key: &str) -> bool {
    WHOLE.contains(&key)
        || (ENDINGS.iter().any(|ending| key.ends_with(ending)) && !HARMLESS.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_in_any_spelling() {
        for key in [
            "password",
            "PASSWORD",
            "db.password",
            "apiKey",
            "API_KEY",
            "x-api-key",
            "Authorization",
            "Set-Cookie",
            "client_secret",
            "accessToken",
            "X-Auth-Token",
            "private key",
            "CVV",
            "card_number",
            "aws_secret_access_key",
        ] {
            assert!(is_secret(&normal(key)), "{key}");
        }
        for key in [
            "max_tokens",
            "token_count",
            "tokens",
            "nextPageToken",
            "author",
            "passenger",
            "secretary",
            "key",
            "sign",
        ] {
            assert!(!is_secret(&normal(key)), "{key}");
        }
    }
}
