//! `cargo xtask public-api`: what the library promises, compared with what `docs/public-api.txt` says it does.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use crate::{
    run::{Result, root},
    rustup::{self, Missing},
    tools,
};

/// What to do about a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    Refuse,
    Write,
}

/// Lists every public item with the feature `full`, and compares the list with the committed one. Where there is no nightly
/// compiler or no cargo-public-api, says how to get it.
///
/// # Errors
///
/// When the lists differ: with the lines.
pub(crate) fn public_api(difference: Difference, missing: Missing) -> Result {
    let Some(tool) = tools::path("cargo-public-api", "cargo-public-api@0.52.0", missing)? else {
        return Ok(());
    };
    if !rustup::has_toolchain("nightly", missing)? {
        return Ok(());
    }
    let args = [
        "public-api",
        "--package",
        "tower-activity",
        "--features",
        "full",
        // Neither blanket nor auto nor derived impls.
        "-sss",
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let tools = tool.parent().map(PathBuf::from).into_iter();
    let output = rustup::cargo("nightly", &args)
        .env(
            "PATH",
            env::join_paths(tools.chain(env::split_paths(&path)))?,
        )
        .env("CARGO_TARGET_DIR", root().join("target/docsrs"))
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("cargo public-api failed".into());
    }
    let now = String::from_utf8(output.stdout)?;
    let file = root().join("docs/public-api.txt");
    if difference == Difference::Write {
        return Ok(fs::write(file, now)?);
    }
    let was = fs::read_to_string(file)?;
    let lines = |text: &'static str, of: &str, without: &str| {
        let without: BTreeSet<&str> = without.lines().collect();
        let only = of.lines().filter(|line| !without.contains(line));
        only.map(|line| format!("{text} {line}\n"))
            .collect::<String>()
    };
    if was == now {
        return Ok(());
    }
    anstream::print!("{}{}", lines("-", &was, &now), lines("+", &now, &was));
    Err("the public API has changed: `cargo xtask public-api --write` records it".into())
}
