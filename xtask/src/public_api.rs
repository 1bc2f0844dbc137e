//! `cargo xtask public-api`: compares the library's public items with `docs/public-api.txt`.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    run::{self, Result, root},
    rustup::{self, Missing},
    tools,
};

/// The committed list of public items.
const LIST: &str = "docs/public-api.txt";

/// What to do about a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    Refuse,
    Write,
}

/// Lists every public item with the feature `full`, and compares the list with the committed one. Without a nightly compiler
/// or cargo-public-api, prints how to install it.
///
/// # Errors
///
/// If the lists differ, after the differences were printed.
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
        // Omits blanket, auto trait and derived impls.
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
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("cargo public-api failed".into());
    }
    let file = root().join(LIST);
    if difference == Difference::Write {
        return Ok(fs::write(file, output.stdout)?);
    }
    if fs::read(&file)? == output.stdout {
        anstream::eprintln!("{} the public items are those of {LIST}", run::good("✓"));
        return Ok(());
    }
    let now = root().join("target/docsrs/public-api.txt");
    fs::write(&now, output.stdout)?;
    let diff = [
        "--no-pager",
        "diff",
        "--no-index",
        "--no-prefix",
        "--unified=0",
    ];
    Command::new("git").args(diff).args([file, now]).status()?;
    Err(format!(
        "the public items are not those of {LIST}: where that is meant, `cargo xtask public-api --write` records them"
    )
    .into())
}
