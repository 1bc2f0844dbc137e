//! One spelling of event types.

use crate::record::Text;

/// Converts a text to snake_case: `github-push`, `GithubPush` and `Github push!` all become `github_push`. The result is
/// empty if there are no letters or digits.
pub(crate) fn snake_case(text: &Text) -> Text {
    if is_snake_case(text) {
        return text.clone();
    }
    let mut snake = String::with_capacity(text.len() + 4);
    let mut rest = text.chars().peekable();
    let mut last: Option<char> = None;
    while let Some(c) = rest.next() {
        if !c.is_alphanumeric() {
            last = None;
            continue;
        }
        // A word begins after a separator, at an upper-case letter after a lower-case one, and at the last of several
        // upper-case letters: `HTTPServer` is `http_server`.
        let begins = last.is_none_or(|last| {
            c.is_uppercase()
                && (!last.is_uppercase() || rest.peek().is_some_and(|next| next.is_lowercase()))
        });
        if begins && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        last = Some(c);
    }
    Text::from(snake)
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
        check("Github Push", "github_push");
        check(" github--push!", "github_push");
        check("endpointsAdded", "endpoints_added");
        check("HTTPServerStarted", "http_server_started");
        check("DEPLOYMENT", "deployment");
        check("_v3__live_", "v3_live");
        check("Übung gemacht", "übung_gemacht");
        check("--", "");
        check("", "");
    }
}
