//! Event types as phrases with a count: `1 endpoint added`, `5 endpoints added`.

use super::one_line;

/// Nouns whose plural follows no rule here: (singular, plural).
const IRREGULAR: [(&str, &str); 25] = [
    ("alias", "aliases"),
    ("analysis", "analyses"),
    ("bonus", "bonuses"),
    ("bus", "buses"),
    ("cache", "caches"),
    ("campus", "campuses"),
    ("canvas", "canvases"),
    ("child", "children"),
    ("cookie", "cookies"),
    ("cpu", "cpus"),
    ("criterion", "criteria"),
    ("data", "data"),
    ("feedback", "feedback"),
    ("gpu", "gpus"),
    ("man", "men"),
    ("menu", "menus"),
    ("metadata", "metadata"),
    ("movie", "movies"),
    ("news", "news"),
    ("person", "people"),
    ("quiz", "quizzes"),
    ("series", "series"),
    ("software", "software"),
    ("virus", "viruses"),
    ("woman", "women"),
];
/// Participles without the ending of regular ones, except those that are more often nouns, such as `run` and `build`.
const IRREGULAR_PARTICIPLES: [&str; 40] = [
    "agreed",
    "begun",
    "bought",
    "broken",
    "brought",
    "caught",
    "chosen",
    "done",
    "drawn",
    "driven",
    "eaten",
    "forgotten",
    "found",
    "freed",
    "frozen",
    "given",
    "gone",
    "grown",
    "guaranteed",
    "held",
    "hidden",
    "kept",
    "left",
    "lost",
    "made",
    "met",
    "paid",
    "rebuilt",
    "rewritten",
    "seen",
    "sent",
    "shown",
    "sold",
    "spent",
    "stolen",
    "taken",
    "taught",
    "understood",
    "won",
    "written",
];
/// Words that belong to the participle before them: `user_signed_up`.
const PARTICLES: [&str; 9] = [
    "away", "back", "down", "in", "off", "on", "out", "over", "up",
];

/// Formats a count and a type: `5 endpoints added`, `2 chat sessions`.
///
/// The noun is the word before a participle at the end, else the last word. It is singular for 1 and plural for all other
/// counts, whichever the type has. Only English endings are known: a noun with other characters than the letters a to z stays as
/// it is.
pub(super) fn counted(count: u64, event_type: &str) -> String {
    let mut words: Vec<String> = event_type.split('_').map(str::to_owned).collect();
    if let Some(noun) = noun(&words)
        && let Some(word) = words.get_mut(noun)
        && is_english(word)
    {
        *word = if count == 1 {
            singular(word)
        } else {
            plural(word)
        };
    }
    format!("{count} {}", one_line(&words.join(" ")))
}

/// Returns the index of the word that is counted; `None` for a participle alone.
fn noun(words: &[String]) -> Option<usize> {
    let last = words.len().checked_sub(1)?;
    match words {
        [.., verb, particle] if is_participle(verb) && PARTICLES.contains(&particle.as_str()) => {
            last.checked_sub(2)
        }
        [.., verb] if is_participle(verb) => last.checked_sub(1),
        _ => Some(last),
    }
}

/// Returns true for `added`, but not for `feed` and `bed`.
fn is_participle(word: &str) -> bool {
    let is_regular =
        |stem: &str| !stem.ends_with('e') && stem.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    word.strip_suffix("ed").is_some_and(is_regular) || IRREGULAR_PARTICIPLES.contains(&word)
}

fn is_english(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// Returns the plural of a noun in the singular or the plural.
fn plural(word: &str) -> String {
    if let Some((_, plural)) = irregular(word) {
        return plural.to_owned();
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ends(&["ss", "us", "x", "z", "ch", "sh"]) => format!("{word}es"),
        _ if ends(&["s"]) => word.to_owned(),
        _ => format!("{word}s"),
    }
}

/// Returns the singular of a noun in the singular or the plural.
fn singular(word: &str) -> String {
    if let Some((singular, _)) = irregular(word) {
        return singular.to_owned();
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    let cut = match word {
        _ if ends(&["ss", "us"]) => 0,
        _ if word.len() > 4 && ends(&["ies"]) => return format!("{}y", &word[..word.len() - 3]),
        _ if ends(&["sses", "xes", "ches", "shes", "tuses"]) => 2,
        _ if ends(&["s"]) => 1,
        _ => 0,
    };
    word[..word.len() - cut].to_owned()
}

fn irregular(word: &str) -> Option<(&'static str, &'static str)> {
    let is = |pair: &&(&str, &str)| pair.0 == word || pair.1 == word;
    IRREGULAR.iter().find(is).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_noun_agrees_with_the_count() {
        let check = |event_type: &str, one: &str, several: &str| {
            assert_eq!(counted(1, event_type), format!("1 {one}"), "{event_type}");
            assert_eq!(
                counted(3, event_type),
                format!("3 {several}"),
                "{event_type}"
            );
            assert_eq!(
                counted(0, event_type),
                format!("0 {several}"),
                "{event_type}"
            );
        };
        check("endpoints_added", "endpoint added", "endpoints added");
        check("deployment", "deployment", "deployments");
        check("github_push", "github push", "github pushes");
        check("query_executed", "query executed", "queries executed");
        check("queries_executed", "query executed", "queries executed");
        check("project_created", "project created", "projects created");
        check("memory_written", "memory written", "memories written");
        check("chat_session", "chat session", "chat sessions");
        check("platform_synced", "platform synced", "platforms synced");
        check("deliverable_run", "deliverable run", "deliverable runs");
        check("user_signed_up", "user signed up", "users signed up");
        check("sign_up", "sign up", "sign ups");
        check("failed_login", "failed login", "failed logins");
        check("key_revoked", "key revoked", "keys revoked");
        check("address_changed", "address changed", "addresses changed");
        check("status_updated", "status updated", "statuses updated");
        check("statuses_updated", "status updated", "statuses updated");
        check("batches_sent", "batch sent", "batches sent");
        check("caches_cleared", "cache cleared", "caches cleared");
        check("response_sent", "response sent", "responses sent");
        check("responses_sent", "response sent", "responses sent");
        check("person_invited", "person invited", "people invited");
        check("data_imported", "data imported", "data imported");
        check("pr_merged", "pr merged", "prs merged");
        check("feed", "feed", "feeds");
        check("apis_called", "api called", "apis called");
    }

    #[test]
    fn texts_that_are_not_english_words_stay_as_they_are() {
        for event_type in [
            "größe",
            "日本語",
            "v3",
            "x",
            "100%",
            "oauth2_v2",
            "deployed",
        ] {
            for count in [0, 1, 2] {
                let expected = format!("{count} {}", event_type.replace('_', " "));
                // A participle alone has no noun.
                assert_eq!(counted(count, event_type), expected);
            }
        }
        assert_eq!(counted(2, ""), "2 ");
    }

    proptest! {
        #[test]
        fn a_plural_stays_a_plural_and_a_singular_a_singular(word in "[a-z]{1,9}[a-tv-z]") {
            prop_assert_eq!(plural(&plural(&word)), plural(&word));
            prop_assert_eq!(singular(&singular(&word)), singular(&word));
        }

        #[test]
        fn any_text_is_formatted(count: u64, event_type in "\\PC{0,40}") {
            prop_assert!(counted(count, &event_type).starts_with(&count.to_string()));
        }
    }
}
