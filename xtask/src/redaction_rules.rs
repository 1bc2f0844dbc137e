//! Converts gitleaks' rules to the table `gitleaks.txt`, as far as its format can express them.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::{
    gitleaks::{self, Rule},
    run::{Result, root},
};

/// The path of the table.
const TABLE: &str = "src/redact/rules/gitleaks.txt";

/// Omitted rules, with the reasons.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "generic-api-key",
        "any word with a long value: it touches ordinary text; our key names are stricter",
    ),
    ("hashicorp-tf-password", "our key names"),
    (
        "kubernetes-secret-yaml",
        "searches 200 bytes for two words in any order; the values stand under names of their own",
    ),
    ("curl-auth-header", "our headers"),
    ("curl-auth-user", "our command lines"),
    ("nuget-config-password", "our pairs"),
    ("private-key", "ours ends at the first byte that no key has"),
    ("jwt", "ours"),
    ("jwt-base64", "base64 of any JSON looks so"),
    ("slack-webhook-url", "ours"),
    ("microsoft-teams-webhook", "ours"),
    ("sidekiq-sensitive-url", "our user and password of URLs"),
    ("azure-ad-client-secret", "ours"),
    ("openai-api-key", "our `sk-`"),
    ("lob-api-key", "`live_` and `test_` begin ordinary names"),
    (
        "lob-pub-api-key",
        "`live_` and `test_` begin ordinary names",
    ),
    ("okta-access-token", "two zeros are no prefix"),
    (
        "authress-service-client-access-key",
        "`ext_` and `sc_` begin ordinary names, and paths may follow",
    ),
    ("pkcs12-file", "a name of a file"),
];

/// A range of numbers of characters from a set.
#[derive(Debug, Clone)]
struct Piece {
    set: u128,
    min: usize,
    max: usize,
}

/// Writes the table from the configuration at this path.
///
/// # Errors
///
/// If the file cannot be read, or the table not written.
pub(crate) fn redaction_rules(path: &str) -> Result {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let rules = gitleaks::read(&text).rules;
    if rules.is_empty() {
        return Err(format!("{path} has no rules").into());
    }
    let mut lines = BTreeSet::new();
    let mut skipped = Vec::new();
    for rule in &rules {
        let reason = LEFT_OUT
            .iter()
            .find(|(id, _)| *id == rule.id)
            .map(|(_, reason)| (*reason).to_owned());
        match reason.map_or_else(|| convert(rule), Err) {
            Ok(converted) => lines.extend(converted),
            Err(reason) => skipped.push(format!("# {}: {reason}", rule.id)),
        }
    }
    let mut out = String::from(
        "# Made by `cargo xtask redaction-rules PATH` from `config/gitleaks.toml` of https://github.com/gitleaks/gitleaks,\n\
         # Copyright (c) 2019 Zachary Rice, MIT license. Prefixes, characters, lengths and entropies; `own.txt` explains the\n\
         # form. Do not edit.\n\n",
    );
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out, "\n# Left out:")?;
    skipped
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))?;
    std::fs::write(Path::new(root()).join(TABLE), out)?;
    anstream::println!(
        "{} lines of {} rules, {} left out",
        lines.len(),
        rules.len(),
        skipped.len()
    );
    Ok(())
}

/// Returns the lines of the table for a rule, or why it is omitted.
fn convert(rule: &Rule) -> std::result::Result<Vec<String>, String> {
    const BEHIND_NAME: &str = r"(?:[ \t\w.-]{0,20})";
    const BEHIND_SEPARATOR: &str = r#"[\x60'"\s=]{0,5}"#;
    const END: &str = r#"(?:[\x60'"\s;]|\\[nr]|$)"#;
    let named = rule.regex.contains(BEHIND_NAME);
    let secret = match rule.regex.split_once(BEHIND_SEPARATOR) {
        Some((_, secret)) if named => format!("(?i){}", secret.split(END).next().unwrap_or(secret)),
        _ => rule
            .regex
            .replace(END, "")
            .replace(r#"(?:[\x60'"\s;]|\\[nr]|$|\b)"#, ""),
    };
    let hir = regex_syntax::parse(&secret).map_err(|error| error.to_string())?;
    let entropy = rule.entropy.as_deref().unwrap_or("3");
    let mut lines = Vec::new();
    for pieces in alternatives(&hir) {
        let (prefix, any_case) = prefix(&pieces);
        let rest = &pieces[prefix.len()..];
        let min: usize = rest.iter().map(|piece| piece.min).sum();
        let charset = charset(rest.iter().fold(0, |set, piece| set | piece.set));
        let long = prefix.len() >= 4
            || prefix.len() == 3 && !prefix.bytes().all(|byte| byte.is_ascii_alphabetic());
        if long && min >= 10 && !prefix.contains(' ') {
            let flag = if any_case { " nocase" } else { "" };
            lines.push(format!("shape: {prefix} {charset} {min} {entropy}{flag}"));
        } else if named {
            let all: usize = pieces.iter().map(|piece| piece.min).sum();
            let max: usize = pieces
                .iter()
                .map(|piece| piece.max)
                .fold(0, usize::saturating_add);
            let set = pieces.iter().fold(0, |set, piece| set | piece.set);
            let names = rule
                .keywords
                .iter()
                .filter(|name| name.len() >= 4 && all >= 14);
            lines.extend(names.map(|name| {
                format!(
                    "vendor: {name} {} {all}-{max} {entropy}",
                    self::charset(set)
                )
            }));
        }
    }
    if lines.is_empty() {
        return Err("no prefix, or one that is too short, or too little behind it".to_owned());
    }
    Ok(lines)
}

/// Returns the sequences that an expression matches.
fn alternatives(hir: &Hir) -> Vec<Vec<Piece>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => {
            vec![
                literal
                    .0
                    .iter()
                    .map(|byte| Piece {
                        set: 1 << (byte & 0x7f),
                        min: 1,
                        max: 1,
                    })
                    .collect(),
            ]
        }
        HirKind::Class(class) => vec![vec![Piece {
            set: set(class),
            min: 1,
            max: 1,
        }]],
        HirKind::Capture(capture) => alternatives(&capture.sub),
        HirKind::Repetition(repetition) => {
            let all: Vec<Piece> = alternatives(&repetition.sub)
                .into_iter()
                .flatten()
                .collect();
            let set = all.iter().fold(0, |set, piece| set | piece.set);
            let min =
                repetition.min as usize * all.iter().map(|piece| piece.min).sum::<usize>().max(1);
            let max = repetition
                .max
                .map_or(usize::MAX, |max| max as usize * all.len().max(1));
            vec![vec![Piece { set, min, max }]]
        }
        HirKind::Concat(parts) => parts.iter().fold(vec![Vec::new()], |heads, part| {
            let tails = alternatives(part);
            let joined = heads.iter().flat_map(|head| {
                tails
                    .iter()
                    .map(move |tail| [&head[..], &tail[..]].concat())
            });
            joined.take(64).collect()
        }),
        HirKind::Alternation(parts) => parts.iter().flat_map(alternatives).collect(),
    }
}

fn set(class: &Class) -> u128 {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start() as u32, range.end() as u32))
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .collect(),
    };
    let ascii = ranges
        .iter()
        .flat_map(|(first, last)| *first..=*last.min(&0x7f));
    ascii
        .filter(|byte| *byte < 0x80)
        .fold(0, |set, byte| set | 1 << byte)
}

/// Returns the literal prefix of a sequence, and whether its case is ignored.
fn prefix(pieces: &[Piece]) -> (String, bool) {
    let mut any_case = false;
    let fixed = pieces.iter().map_while(|piece| {
        let (first, last) = (
            piece.set.trailing_zeros() as u8,
            127 - piece.set.leading_zeros() as u8,
        );
        let same = first == last
            || piece.set.count_ones() == 2 && first.is_ascii_alphabetic() && first + 32 == last;
        any_case |= same && first != last;
        (same && piece.min == 1 && piece.max == 1).then(|| char::from(last))
    });
    let prefix = fixed.collect();
    (prefix, any_case)
}

/// Formats a set as a character class such as `[A-Za-z0-9_-]`.
fn charset(set: u128) -> String {
    let mut out = String::from("[");
    let mut dash = false;
    let mut byte = b'!';
    while byte < 0x7f {
        let run = (byte..0x7f).take_while(|byte| set >> byte & 1 == 1).count() as u8;
        match run {
            0 => {}
            _ if byte == b'-' && run == 1 => dash = true,
            1 | 2 => (byte..byte + run).for_each(|byte| out.push(byte.into())),
            _ => {
                out.push(byte.into());
                out.push('-');
                out.push((byte + run - 1).into());
            }
        }
        byte += run.max(1);
    }
    out.push_str(if dash { "-]" } else { "]" });
    out
}
