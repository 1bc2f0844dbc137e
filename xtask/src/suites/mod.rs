//! `cargo xtask prove suites`: the tests of axum and rmcp, in the versions of `Cargo.lock`, without and with a layer or
//! wrapper around what they serve.
//!
//! They are copied from cargo's registry into `target/suites`, outside of the workspace, and patched there.

mod axum;
mod rmcp;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::run::{self, Result, cargo, root};

/// A crate whose tests serve something.
struct Suite {
    package: &'static str,
    /// Those that need neither another platform nor TLS.
    features: &'static str,
    /// Makes the published tests compile outside of their repository.
    prepare: fn(&Path) -> Result,
    /// Returns the arguments of `cargo test` that select the tests.
    tests: fn(&Path) -> Result<Vec<String>>,
    /// Wraps what the tests serve.
    wrap: fn(&Path) -> Result,
}

const SUITES: [Suite; 2] = [axum::SUITE, rmcp::SUITE];

/// Runs the tests of each crate without and with the wrapper.
///
/// # Errors
///
/// If they do not build, or a result differs.
pub(crate) fn suites() -> Result {
    let place = root().join("target/suites");
    let sources = sources()?;
    for suite in &SUITES {
        let source = sources.iter().find(|(name, _)| name == suite.package);
        let (_, source) = source.ok_or("it is not in Cargo.lock")?;
        let copy = place.join(suite.package);
        copy_folder(source, &copy)?;
        (suite.prepare)(&copy)?;
    }
    write_workspace(&place)?;
    let mut differences = Vec::new();
    for suite in &SUITES {
        let copy = place.join(suite.package);
        let chosen = (suite.tests)(&copy)?;
        let bare = results(suite, &place, &chosen)?;
        (suite.wrap)(&copy)?;
        let wrapped = results(suite, &place, &chosen)?;
        let passed = |results: &BTreeSet<String>| {
            let passed = results.iter().filter(|result| result.ends_with(" ok"));
            format!("{} of {}", passed.count(), results.len())
        };
        anstream::println!(
            "{}: {} tests pass bare, {} wrapped",
            suite.package,
            passed(&bare),
            passed(&wrapped)
        );
        for (one, other, which) in [(&bare, &wrapped, "bare"), (&wrapped, &bare, "wrapped")] {
            let only = one.difference(other);
            differences.extend(only.map(|result| format!("{} {which}: {result}", suite.package)));
        }
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(format!("results differ:\n{}", differences.join("\n")).into()),
    }
}

/// The names and folders of the packages in `Cargo.lock`.
fn sources() -> Result<Vec<(String, PathBuf)>> {
    let args = ["metadata", "--format-version", "1", "--locked"];
    let output = cargo(&args).stderr(Stdio::inherit()).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let folder = |package: &serde_json::Value| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let name = package["name"].as_str()?.to_owned();
        Some((name, manifest.parent()?.to_owned()))
    };
    Ok(packages.iter().filter_map(folder).collect())
}

/// Copies a folder. Files that are there already keep their times, by which cargo decides what to compile.
fn copy_folder(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => write(&target, &fs::read(entry.path())?)?,
        }
    }
    Ok(())
}

/// Writes a file, unless it has this content.
fn write(file: &Path, content: &[u8]) -> Result {
    if fs::read(file).is_ok_and(|present| present == content) {
        return Ok(());
    }
    Ok(fs::write(file, content)?)
}

/// Writes the workspace of the copies, with the versions of our lock file.
fn write_workspace(place: &Path) -> Result {
    let wrapper = place.join("wrapper");
    fs::create_dir_all(wrapper.join("src"))?;
    let program = fs::read(root().join("xtask/suites/rmcp.rs"))?;
    write(&wrapper.join("src/lib.rs"), &program)?;
    let library = root().display().to_string();
    let manifest = format!(
        "[package]\nname = \"wrapper\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         rmcp = {{ version = \"3\", default-features = false, features = [\"client\", \"server\", \"transport-streamable-http-server\"] }}\n\
         tokio-util = \"0.7\"\n\
         tower-activity = {{ path = {library:?}, default-features = false, features = [\"sqlite\", \"bundled\", \"rmcp\"] }}\n"
    );
    fs::write(wrapper.join("Cargo.toml"), manifest)?;
    let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"axum\", \"rmcp\", \"wrapper\"]\n\n\
                     [patch.crates-io]\nrmcp = { path = \"rmcp\" }\n";
    fs::write(place.join("Cargo.toml"), workspace)?;
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock"))?;
    Ok(())
}

/// Runs the tests, and returns a line for each: its name and its result.
fn results(suite: &Suite, place: &Path, chosen: &[String]) -> Result<BTreeSet<String>> {
    let mut command = cargo(&["test", "--no-fail-fast", "--package", suite.package]);
    command.args(["--features", suite.features]).args(chosen);
    let command = in_place(&mut command, place);
    run::run(in_place(
        cargo(&["test", "--no-run", "--package", suite.package])
            .args(["--features", suite.features])
            .args(chosen),
        place,
    ))?;
    // Tests may fail, as long as they also fail in the other run.
    let output = command.stderr(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut results = BTreeSet::new();
    let mut binary = 0;
    for line in text.lines() {
        if line.starts_with("running ") {
            binary += 1;
        }
        if let Some(result) = line.strip_prefix("test ")
            && !result.starts_with("result")
        {
            results.insert(format!("{binary} {result}"));
        }
    }
    match results.is_empty() {
        true => Err(format!("no test of {} ran", suite.package).into()),
        false => Ok(results),
    }
}

fn in_place<'a>(command: &'a mut Command, place: &Path) -> &'a mut Command {
    command
        .current_dir(place)
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        // The crates' own minimum versions would select old dependencies.
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow")
}

/// Replaces a text in a file.
///
/// # Errors
///
/// If it is not there: a version of the crate may have changed it.
fn replace(file: &Path, from: &str, to: &str) -> Result {
    let text = fs::read_to_string(file)?;
    if !text.contains(from) {
        return Err(format!("{from:?} is not in {}", file.display()).into());
    }
    fs::write(file, text.replacen(from, to, 1))?;
    Ok(())
}
