//! Reads the rules of gitleaks' configuration. A minimal parser suffices: the file is generated and regular.

/// The parsed configuration.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) rules: Vec<Rule>,
    /// Allowlists that apply to all rules.
    pub(crate) allowed: Vec<Allowed>,
}

/// A rule of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    pub(crate) id: String,
    /// Empty for a rule that matches file names only.
    pub(crate) regex: String,
    /// The paths of the files that it applies to.
    pub(crate) path: Option<String>,
    pub(crate) entropy: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) keywords: Vec<String>,
    pub(crate) allowed: Vec<Allowed>,
}

/// An allowlist: exceptions of a rule.
#[derive(Debug, Default)]
pub(crate) struct Allowed {
    pub(crate) regexes: Vec<String>,
    pub(crate) stopwords: Vec<String>,
    pub(crate) paths: Vec<String>,
    /// The target of the expressions: `match` or `line`, or the secret if empty.
    pub(crate) target: Option<String>,
    /// `AND` if all conditions must hold.
    pub(crate) condition: Option<String>,
}

/// Parses the file.
pub(crate) fn read(text: &str) -> Config {
    let mut config = Config::default();
    let mut section = "";
    // The name of the list that continues on the next line.
    let mut list = None;
    for line in text.lines() {
        if let Some(name) = list {
            config.add(section, name, line);
            list = (!line.ends_with(']')).then_some(name);
            continue;
        }
        if line.starts_with('[') {
            section = line;
            config.begin(section);
        } else if let Some((name, value)) = line.split_once(" = ") {
            config.add(section, name, value);
            list = (value.starts_with('[') && !value.ends_with(']')).then_some(name);
        }
    }
    config
}

impl Config {
    fn begin(&mut self, section: &str) {
        let last = self.rules.last_mut();
        match (section, last) {
            ("[[rules]]", _) => self.rules.push(Rule::default()),
            ("[allowlist]", _) => self.allowed.push(Allowed::default()),
            ("[[rules.allowlists]]", Some(rule)) => rule.allowed.push(Allowed::default()),
            _ => {}
        }
    }

    fn add(&mut self, section: &str, name: &str, value: &str) {
        let rule = self.rules.last_mut();
        match (section, rule) {
            ("[[rules]]", Some(rule)) => rule.add(name, value),
            ("[[rules.allowlists]]", Some(rule)) => {
                if let Some(allowed) = rule.allowed.last_mut() {
                    allowed.add(name, value);
                }
            }
            ("[allowlist]", _) => {
                if let Some(allowed) = self.allowed.last_mut() {
                    allowed.add(name, value);
                }
            }
            _ => {}
        }
    }
}

impl Rule {
    fn add(&mut self, name: &str, value: &str) {
        match name {
            "id" => self.id = texts(value).concat(),
            "regex" => self.regex = texts(value).concat(),
            "path" => self.path = texts(value).pop(),
            "entropy" => self.entropy = Some(value.to_owned()),
            "secretGroup" => self.group = Some(value.to_owned()),
            "keywords" => self.keywords.extend(texts(value)),
            _ => {}
        }
    }
}

impl Allowed {
    fn add(&mut self, name: &str, value: &str) {
        match name {
            "regexes" => self.regexes.extend(texts(value)),
            "stopwords" => self.stopwords.extend(texts(value)),
            "paths" => self.paths.extend(texts(value)),
            "regexTarget" => self.target = texts(value).pop(),
            "condition" => self.condition = texts(value).pop(),
            _ => {}
        }
    }
}

/// Returns the quoted strings of a line: `"a", "b"` or `'''a'''`.
fn texts(line: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['"', '\'']) {
        let quote = ["'''", "\"\"\"", "'", "\""]
            .into_iter()
            .find(|quote| rest[at..].starts_with(quote))
            .unwrap_or("'");
        let inner = &rest[at + quote.len()..];
        let Some(end) = inner.find(quote) else { break };
        // `'''[\w'"]'''` ends at the last three quotes.
        let tail = inner[end + quote.len()..]
            .bytes()
            .take_while(|byte| quote.len() == 3 && quote.as_bytes()[0] == *byte);
        let end = end + tail.count();
        texts.push(inner[..end].to_owned());
        rest = &inner[end + quote.len()..];
    }
    texts
}
