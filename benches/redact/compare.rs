//! Compares the findings of the redactor and of gitleaks' rules in the same texts.

use std::{fs, path::Path};

use benches::Failure;
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};
use tower_activity::redact::{REDACTED, Redactor};

use crate::{cases, examples, files, gitleaks::Gitleaks, reader, rules::Table, seconds};

/// The most bytes of a group to read.
const MOST: usize = 64 << 20;

/// Prints the table; `path` is gitleaks' `config/gitleaks.toml`.
pub(crate) fn print(path: &str) -> Result<(), Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let gitleaks = Gitleaks::read(&text);
    let redactor = Redactor::new();
    println!(
        "{} rules of gitleaks run, {} know files by their names alone; not compiled:",
        gitleaks.count(),
        gitleaks.names_only
    );
    gitleaks
        .skipped
        .iter()
        .for_each(|rule| println!("  {rule}"));

    let ours = |text: &str| {
        redactor
            .text(text)
            .map(|clean| clean.into_owned())
            .unwrap_or_default()
    };
    let theirs = |text: &str| marked(text, gitleaks.secrets(text, None));
    let sides: [&dyn Fn(&str) -> String; 2] = [&ours, &theirs];

    println!("\n{:42} {:>8} {:>7} {:>9}", "", "of", "ours", "gitleaks");
    let row = |name: &str, all: usize, counts: [usize; 2]| {
        println!("{name:42} {all:8} {:7} {:9}", counts[0], counts[1]);
    };
    let (secret, plain): (Vec<_>, Vec<_>) =
        cases::cases().partition(|case| !case.secrets.is_empty());
    let found = sides.map(|side| {
        let found = |case: &&cases::Case| {
            let clean = side(&case.text);
            !case
                .secrets
                .iter()
                .any(|secret| clean.contains(secret.as_str()))
        };
        secret.iter().filter(found).count()
    });
    row("texts with a secret: found", secret.len(), found);
    let found = sides.map(|side| {
        let found = |case: &&cases::Case| {
            let text = with_long_secrets(case);
            !side(&text).contains(RANDOM)
        };
        secret
            .iter()
            .filter(|case| is_short(case))
            .filter(found)
            .count()
    });
    let short = secret.iter().filter(|case| is_short(case)).count();
    row("the same with 32 random characters", short, found);
    let touched = sides.map(|side| {
        plain
            .iter()
            .filter(|case| side(&case.text) != case.text)
            .count()
    });
    row("texts without: touched", plain.len(), touched);

    let table = Table::read();
    let made: Vec<String> = examples::shapes(&table).collect();
    let found = sides.map(|side| count_found(&made, side));
    row("examples of our prefixes: found", made.len(), found);
    let made = of_gitleaks(&text, &theirs);
    let found = sides.map(|side| count_found(&made, side));
    row("examples of gitleaks' rules: found", made.len(), found);
    if std::env::var_os("BENCH_VERBOSE").is_some() {
        for example in made
            .iter()
            .filter(|example| ours(&within(example)).contains(example.as_str()))
        {
            println!("  {example:?}");
        }
    }
    ordinary(&redactor, &gitleaks);
    Ok(())
}

/// Prints the number of ordinary lines that are changed, and the time.
fn ordinary(redactor: &Redactor, gitleaks: &Gitleaks) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let registry = |extensions: &[&str]| files::gather(&files::registry(), extensions);
    let groups = [
        (
            "documentation, pages, styles, locks, logs",
            files::ordinary(&root),
        ),
        ("workflows and scripts", registry(&["yml", "yaml", "sh"])),
        ("Rust", registry(&["rs"])),
    ];
    println!(
        "\n{:42} {:>8} {:>7} {:>9}  MB/s",
        "lines of others, touched", "of", "ours", "gitleaks"
    );
    for (name, files) in groups {
        let (mut lines, mut bytes) = (0, 0);
        let (mut touched, mut times) = ([0, 0], [0.0, 0.0]);
        for path in files {
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            if bytes + text.len() > MOST {
                continue;
            }
            lines += text.lines().count();
            bytes += text.len();
            let name = path.to_string_lossy();
            let ours = || {
                redactor
                    .text(&text)
                    .map(|clean| clean.into_owned())
                    .unwrap_or_default()
            };
            let theirs = || marked(&text, gitleaks.secrets(&text, Some(&name)));
            let sides: [&dyn Fn() -> String; 2] = [&ours, &theirs];
            for (at, side) in sides.iter().enumerate() {
                let mut clean = String::new();
                times[at] += seconds(|| clean = side());
                touched[at] += marks(&clean).saturating_sub(marks(&text));
            }
        }
        let rate = |time: f64| bytes as f64 / 1e6 / time;
        println!(
            "{name:42} {lines:8} {:7} {:9}  {:.0} and {:.0}",
            touched[0],
            touched[1],
            rate(times[0]),
            rate(times[1])
        );
    }
}

/// The replacement of a short secret: long and random enough for rules that require it.
const RANDOM: &str = "q7Xk2Vb9Lw4Tz8Rn3Mj6Hc1Pd5Gs0Fy";

fn is_short(case: &cases::Case) -> bool {
    case.secrets.len() == 1 && case.secrets[0].len() <= 16
}

fn with_long_secrets(case: &cases::Case) -> String {
    case.text.replacen(case.secrets[0].as_str(), RANDOM, 1)
}

fn marks(text: &str) -> usize {
    text.matches(REDACTED).count()
}

fn within(example: &str) -> String {
    format!("see {example} there")
}

/// Returns the number of secrets, each in its own text, that are found.
fn count_found(made: &[String], side: &dyn Fn(&str) -> String) -> usize {
    let found = |example: &&String| !side(&within(example)).contains(example.as_str());
    made.iter().filter(found).count()
}

/// Returns the text with a marker in place of each range.
fn marked(text: &str, mut secrets: Vec<std::ops::Range<usize>>) -> String {
    secrets.sort_by_key(|secret| secret.start);
    let (mut out, mut done) = (String::new(), 0);
    for secret in secrets {
        let (start, end) = (
            text.floor_char_boundary(secret.start),
            text.ceil_char_boundary(secret.end),
        );
        if start >= done {
            out.push_str(&text[done..start]);
            out.push_str(REDACTED);
        }
        done = done.max(end);
    }
    out + &text[done..]
}

/// Returns an example per rule that gitleaks itself finds, with `=` after a name.
fn of_gitleaks(config: &str, theirs: &dyn Fn(&str) -> String) -> Vec<String> {
    const SEPARATOR: &str = r"(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)";
    const END: &str = r#"(?:[\x60'"\s;]|\\[nr]|$)"#;
    let mut state = 88_172_645_463_325_252;
    let mut made = Vec::new();
    for rule in reader::read(config).rules {
        let regex = rule.regex.replace(SEPARATOR, "=").replace(END, "");
        let parsed = ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(&regex);
        let Some(hir) = parsed.ok().filter(|_| !rule.regex.is_empty()) else {
            continue;
        };
        let tried = (0..100).map(|_| {
            let mut example = String::new();
            generate(&hir, &mut state, &mut example);
            example
        });
        made.extend(
            tried
                .filter(|example| !theirs(&within(example)).contains(example.as_str()))
                .take(1),
        );
    }
    made
}

/// Returns a text that the expression matches: the first alternative, the fewest repetitions.
fn generate(hir: &Hir, state: &mut u64, out: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.push(letter(class, state)),
        HirKind::Repetition(repetition) => {
            (0..repetition.min).for_each(|_| generate(&repetition.sub, state, out));
        }
        HirKind::Capture(capture) => generate(&capture.sub, state, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| generate(part, state, out)),
        HirKind::Alternation(parts) => generate(&parts[0], state, out),
    }
}

/// Returns a letter or a digit, if the class has one.
fn letter(class: &Class, state: &mut u64) -> char {
    let has = |letter: &char| match class {
        Class::Unicode(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(letter)),
        Class::Bytes(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&(*letter as u8))),
    };
    let printed: Vec<char> = (' '..='~').filter(has).collect();
    let letters: Vec<char> = printed
        .iter()
        .copied()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let of = if letters.is_empty() { printed } else { letters };
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    of.get((*state % of.len().max(1) as u64) as usize)
        .copied()
        .unwrap_or(' ')
}
