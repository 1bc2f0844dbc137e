//! The rule that brands calls.

use tower_activity::mcp::Tool;

use crate::failure::Failure;

/// Where the brand of a call comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The part of the tool's name before the first separator.
    Prefix,
    /// The argument of this name.
    Argument(String),
    /// This brand.
    Fixed(String),
}

impl Rule {
    pub(super) fn parse(rule: &str) -> Result<Self, Failure> {
        match (rule, rule.split_once(':'), rule.strip_prefix('=')) {
            ("prefix", ..) => Ok(Rule::Prefix),
            (_, Some(("argument", name)), _) if !name.is_empty() => {
                Ok(Rule::Argument(name.to_owned()))
            }
            (_, _, Some(brand)) if !brand.is_empty() => Ok(Rule::Fixed(brand.to_owned())),
            _ => Err(Failure::Usage(format!(
                "--brand: {rule:?} is not a rule: write prefix, argument:NAME or =BRAND"
            ))),
        }
    }

    pub(super) fn of<'a>(&self, tool: &'a Tool<'_>) -> Option<&'a str> {
        match self {
            Rule::Prefix => {
                let (prefix, _) = tool.name().split_once(['_', '-', '.', '/'])?;
                Some(prefix)
            }
            Rule::Argument(name) => tool.argument(name),
            // Of every activity.
            Rule::Fixed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed() {
        let check = |rule: &str, expected| assert_eq!(Rule::parse(rule).ok(), expected, "{rule}");
        check("prefix", Some(Rule::Prefix));
        check("argument:site", Some(Rule::Argument("site".into())));
        check("=acme", Some(Rule::Fixed("acme".into())));
        for other in ["", "=", "argument:", "suffix", "argument"] {
            check(other, None);
        }
    }
}
