//! Gitleaks' rules as gitleaks runs them: keywords, an expression, entropy, and the allowlist.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use crate::reader::{self, Allowed, Config, Rule};

/// The rules of a configuration, compiled.
pub(crate) struct Gitleaks {
    rules: Vec<Compiled>,
    allowed: Vec<Exception>,
    /// Rules and exceptions that the crate `regex` cannot compile.
    pub(crate) skipped: Vec<String>,
    /// The number of rules that match file names only.
    pub(crate) names_only: usize,
}

struct Compiled {
    regex: Regex,
    path: Option<Regex>,
    keywords: Vec<String>,
    entropy: f64,
    group: usize,
    allowed: Vec<Exception>,
}

struct Exception {
    regexes: Vec<Regex>,
    stopwords: Vec<String>,
    paths: Vec<Regex>,
    target: Option<String>,
    all: bool,
}

impl Gitleaks {
    pub(crate) fn read(text: &str) -> Gitleaks {
        let Config { rules, allowed } = reader::read(text);
        let mut gitleaks = Gitleaks {
            rules: Vec::new(),
            allowed: Vec::new(),
            skipped: Vec::new(),
            names_only: 0,
        };
        gitleaks.allowed = gitleaks.exceptions("allowlist", &allowed);
        for rule in rules {
            if rule.regex.is_empty() {
                gitleaks.names_only += 1;
            } else {
                gitleaks.rule(&rule);
            }
        }
        gitleaks
    }

    pub(crate) fn count(&self) -> usize {
        self.rules.len()
    }

    fn rule(&mut self, rule: &Rule) {
        let allowed = self.exceptions(&rule.id, &rule.allowed);
        let Some(regex) = self.compile(&rule.id, &rule.regex) else {
            return;
        };
        let path = rule.path.as_ref();
        let path = path.and_then(|path| self.compile(&rule.id, path));
        let number = |text: &Option<String>| text.as_ref()?.parse::<f64>().ok();
        self.rules.push(Compiled {
            regex,
            path,
            keywords: rule.keywords.clone(),
            entropy: number(&rule.entropy).unwrap_or(0.0),
            group: number(&rule.group).unwrap_or(0.0) as usize,
            allowed,
        });
    }

    fn exceptions(&mut self, id: &str, allowed: &[Allowed]) -> Vec<Exception> {
        let mut exceptions = Vec::new();
        for allowed in allowed {
            let mut compiled = |texts: &[String]| {
                texts
                    .iter()
                    .filter_map(|text| self.compile(id, text))
                    .collect()
            };
            exceptions.push(Exception {
                regexes: compiled(&allowed.regexes),
                paths: compiled(&allowed.paths),
                stopwords: allowed.stopwords.clone(),
                target: allowed.target.clone(),
                all: allowed.condition.as_deref() == Some("AND"),
            });
        }
        exceptions
    }

    /// Go's character classes are ASCII.
    fn compile(&mut self, id: &str, text: &str) -> Option<Regex> {
        let regex = RegexBuilder::new(&escape_braces(text))
            .unicode(false)
            .size_limit(1 << 28)
            .build();
        if let Err(error) = &regex {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            self.skipped.push(format!("{id}: {reason}"));
        }
        regex.ok()
    }

    /// Returns the ranges of secrets in a text; `path` is given if it is a file's.
    pub(crate) fn secrets(&self, text: &str, path: Option<&str>) -> Vec<Range<usize>> {
        let lower = text.to_ascii_lowercase();
        let mut found = Vec::new();
        let in_path = |regexes: &[Regex]| {
            path.is_some_and(|path| regexes.iter().any(|regex| regex.is_match(path.as_bytes())))
        };
        if self.allowed.iter().any(|allowed| in_path(&allowed.paths)) {
            return found;
        }
        for rule in &self.rules {
            let elsewhere = path.is_some_and(|path| {
                let only = rule.path.as_ref();
                only.is_some_and(|only| !only.is_match(path.as_bytes()))
            });
            let named = rule.keywords.is_empty()
                || rule
                    .keywords
                    .iter()
                    .any(|word| lower.contains(word.as_str()));
            if elsewhere || !named {
                continue;
            }
            for captures in rule.regex.captures_iter(text.as_bytes()) {
                let Some(whole) = captures.get(0) else {
                    continue;
                };
                let first = captures
                    .iter()
                    .skip(1)
                    .flatten()
                    .find(|group| !group.is_empty());
                let secret = match rule.group {
                    0 => first.unwrap_or(whole),
                    group => captures.get(group).unwrap_or(whole),
                };
                let secret = secret.range();
                let random =
                    rule.entropy == 0.0 || entropy(&text.as_bytes()[secret.clone()]) > rule.entropy;
                let allowed = self.allowed.iter().chain(&rule.allowed).any(|allowed| {
                    allowed.holds(text, whole.range(), secret.clone(), in_path(&allowed.paths))
                });
                if random && !allowed {
                    found.push(secret);
                }
            }
        }
        found
    }
}

impl Exception {
    fn holds(&self, text: &str, whole: Range<usize>, secret: Range<usize>, in_path: bool) -> bool {
        let bytes = text.as_bytes();
        let target = match self.target.as_deref() {
            Some("match") => &bytes[whole],
            Some("line") => {
                let start = bytes[..whole.start].iter().rposition(|byte| *byte == b'\n');
                let end = bytes[whole.end..].iter().position(|byte| *byte == b'\n');
                &bytes[start.map_or(0, |at| at + 1)..end.map_or(bytes.len(), |at| whole.end + at)]
            }
            _ => &bytes[secret.clone()],
        };
        let by_regex = self.regexes.iter().any(|regex| regex.is_match(target));
        let lower = bytes[secret].to_ascii_lowercase();
        let by_word = self.stopwords.iter().any(|word| {
            let word = word.as_bytes();
            lower.windows(word.len()).any(|part| part == word)
        });
        if self.all {
            (by_regex || self.regexes.is_empty())
                && (by_word || self.stopwords.is_empty())
                && in_path
        } else {
            by_regex || by_word || in_path
        }
    }
}

/// Escapes braces that are not repetitions, which Go takes literally.
fn escape_braces(text: &str) -> String {
    let (mut out, mut escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        let inner = text[at..].split_once('}').map_or("", |(inner, _)| inner);
        let inner = inner.get(1..).unwrap_or_default();
        let digits = |letter: char| letter.is_ascii_digit() || letter == ',';
        let repeats = !inner.is_empty() && inner.chars().all(digits);
        if letter == '{' && !escaped && !repeats {
            out.push('\\');
        }
        out.push(letter);
        escaped = letter == '\\' && !escaped;
    }
    out
}

/// Returns the entropy in bits per character.
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_usize; 256];
    text.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let all = text.len() as f64;
    let part = |count: &usize| {
        let share = *count as f64 / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(part).sum()
}
