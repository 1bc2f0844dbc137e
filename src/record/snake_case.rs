//! One spelling of event types.

use crate::record::Text;

/// Names that are one word although they are written with humps.
const NAMES: [&str; 26] = [
    "CircleCI",
    "ClickHouse",
    "DigitalOcean",
    "DynamoDB",
    "GitHub",
    "GitLab",
    "GraphQL",
    "HubSpot",
    "JavaScript",
    "LaunchDarkly",
    "LinkedIn",
    "MongoDB",
    "MySQL",
    "OAuth",
    "OpenAI",
    "PagerDuty",
    "PayPal",
    "PostgreSQL",
    "PowerPoint",
    "SendGrid",
    "SharePoint",
    "TikTok",
    "TypeScript",
    "WhatsApp",
    "WordPress",
    "YouTube",
];

/// Converts a text to snake_case: `GitHub Push`, `github-push`, `GITHUB_PUSH` and `GitHubPush` all become `github_push`. The
/// result is empty if there are no letters or digits.
///
/// A text of several words is split between them only. One word is split at its humps, but not within well-known [`NAMES`].
pub(crate) fn snake_case(text: &Text) -> Text {
    if is_snake_case(text) {
        return text.clone();
    }
    let mut snake = String::with_capacity(text.len() + 4);
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (Some(word), None) => push_humps(&mut snake, word),
        (first, second) => {
            for word in first.into_iter().chain(second).chain(words) {
                push_word(&mut snake, word);
            }
        }
    }
    Text::from(snake)
}

fn push_word(snake: &mut String, word: &str) {
    if !snake.is_empty() {
        snake.push('_');
    }
    let lower = word.chars().flat_map(char::to_lowercase);
    // The dot that `İ` becomes is no letter.
    snake.extend(lower.filter(|c| c.is_alphanumeric()));
}

/// Appends the words that begin at the humps of a text of letters and digits.
fn push_humps(snake: &mut String, mut text: &str) {
    while !text.is_empty() {
        let (word, rest) = text.split_at(name_length(text).unwrap_or_else(|| hump_length(text)));
        push_word(snake, word);
        text = rest;
    }
}

/// Returns the length of the well-known name that the text begins with.
fn name_length(text: &str) -> Option<usize> {
    let is_next = |name: &&str| {
        let rest = text.strip_prefix(*name);
        rest.is_some_and(|rest| !rest.starts_with(char::is_lowercase))
    };
    NAMES
        .iter()
        .find(|name| is_next(name))
        .map(|name| name.len())
}

/// Returns the length of the text's first word. The next one begins at an upper-case letter after a lower-case one, and at
/// the last of several upper-case letters: `HTTPServer` is `http_server`.
fn hump_length(text: &str) -> usize {
    let mut rest = text.char_indices().peekable();
    let mut last: Option<char> = None;
    while let Some((at, c)) = rest.next() {
        let begins = last.is_some_and(|last| {
            let before_lower = rest.peek().is_some_and(|(_, next)| next.is_lowercase());
            c.is_uppercase() && (!last.is_uppercase() || before_lower)
        });
        if begins {
            return at;
        }
        last = Some(c);
    }
    text.len()
}

fn is_snake_case(text: &str) -> bool {
    let words = text.split('_').all(|word| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    words && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_spelling() {
        let check = |text: &'static str, expected: &str| {
            assert_eq!(snake_case(&Text::from(text)), expected, "{text}");
        };
        check("deployment", "deployment");
        check("github_push", "github_push");
        for text in [
            "GitHub Push",
            "Github Push",
            "GitHubPush",
            "GithubPush",
            "GITHUB_PUSH",
            "github-push",
        ] {
            check(text, "github_push");
        }
        check(" github--push!", "github_push");
        check("endpointsAdded", "endpoints_added");
        check("HTTPServerStarted", "http_server_started");
        check("OpenAICall", "openai_call");
        check("callOpenAI", "call_openai");
        check("PayPalette", "pay_palette");
        check("MySQLBackup", "mysql_backup");
        check("DigitalOcean Droplet", "digitalocean_droplet");
        check("GetÜberBlick", "get_über_blick");
        check("DEPLOYMENT", "deployment");
        check("_v3__live_", "v3_live");
        check("Übung gemacht", "übung_gemacht");
        check("--", "");
        check("", "");
    }

    #[test]
    fn a_spelling_stays_as_it_is() {
        proptest::proptest!(|(text in "([A-Za-z0-9ÜßİDž_. -]|GitHub|OpenAI){0,12}")| {
            let once = snake_case(&Text::from(text));
            proptest::prop_assert_eq!(snake_case(&once), once);
        });
    }
}
