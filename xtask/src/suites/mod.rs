//! `cargo xtask prove suites`: the tests of axum and rmcp, in the versions of `Cargo.lock`, without and with a layer or
//! wrapper around what they serve. `cargo xtask prove tapped`: those of another version of rmcp, and of another SDK.
//!
//! They are copied from cargo's registry into `target/suites`, outside of the workspace, and patched there.

mod axum;
mod rmcp;
mod tapped;

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

/// Copies of crates that are tested together, with one crate that their tests import.
struct Workspace {
    /// Its folder in `target/suites`.
    folder: &'static str,
    suites: &'static [Suite],
    /// The crates that are not in `Cargo.lock`.
    requirements: &'static str,
    /// The program of the crate, in `xtask/suites`, its dependencies and the features of ours.
    wrapper: [&'static str; 3],
}

const WRAPPED: Workspace = Workspace {
    folder: "wrapped",
    suites: &[axum::SUITE, rmcp::SUITE],
    requirements: "",
    wrapper: [
        "rmcp.rs",
        "rmcp = { version = \"3\", default-features = false, features = [\"client\", \"server\", \"transport-streamable-http-server\"] }\n\
         tokio-util = \"0.7\"\n",
        "rmcp",
    ],
};

const TAPPED: Workspace = Workspace {
    folder: "tapped",
    suites: tapped::SUITES,
    requirements: tapped::REQUIREMENTS,
    wrapper: [
        "tapped.rs",
        "axum = { version = \"0.8\", default-features = false, features = [\"http1\", \"tokio\"] }\n\
         tokio = { version = \"1\", features = [\"net\"] }\n",
        "mcp",
    ],
};

/// Runs the tests of axum and rmcp without and with a layer or wrapper.
///
/// # Errors
///
/// If they do not build, or a result differs.
pub(crate) fn suites() -> Result {
    WRAPPED.compare()
}

/// Runs the tests of servers that are not wrapped, without and with the layer that reads what passes.
///
/// # Errors
///
/// If they do not build, or a result differs.
pub(crate) fn tapped() -> Result {
    TAPPED.compare()
}

impl Workspace {
    /// Runs the tests of each crate without and with the wrapper.
    fn compare(&self) -> Result {
        self.prepare()?;
        let place = self.place();
        let mut differences = Vec::new();
        for suite in self.suites {
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
                "{}: {} tests pass bare, {} {}",
                suite.package,
                passed(&bare),
                passed(&wrapped),
                self.folder
            );
            for (one, other, which) in [(&bare, &wrapped, "bare"), (&wrapped, &bare, self.folder)] {
                let only = one.difference(other);
                differences
                    .extend(only.map(|result| format!("{} {which}: {result}", suite.package)));
            }
        }
        match differences.is_empty() {
            true => Ok(()),
            false => Err(format!("results differ:\n{}", differences.join("\n")).into()),
        }
    }

    fn place(&self) -> PathBuf {
        target().join(self.folder)
    }

    /// Copies its crates, and writes the workspace of the copies, with the versions of our lock file.
    fn prepare(&self) -> Result {
        let place = self.place();
        let sources = self.sources()?;
        for suite in self.suites {
            let source = sources.iter().find(|(name, _)| name == suite.package);
            let (_, source) = source.ok_or("it is not in Cargo.lock")?;
            let copy = place.join(suite.package);
            copy_folder(source, &copy)?;
            (suite.prepare)(&copy)?;
        }
        let [program, dependencies, feature] = self.wrapper;
        let library = root().display().to_string();
        let manifest = format!(
            "[package]\nname = \"wrapper\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n{dependencies}\
             tower-activity = {{ path = {library:?}, default-features = false, features = [\"sqlite\", \"bundled\", {feature:?}] }}\n"
        );
        let program = root().join("xtask/suites").join(program);
        write_package(&place.join("wrapper"), &manifest, &fs::read(program)?)?;
        let packages = self.suites.iter().map(|suite| suite.package);
        let members: Vec<&str> = packages.chain(["wrapper"]).collect();
        let workspace = format!(
            "[workspace]\nresolver = \"3\"\nmembers = {members:?}\n\n[patch.crates-io]\nrmcp = {{ path = \"rmcp\" }}\n"
        );
        fs::write(place.join("Cargo.toml"), workspace)?;
        fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock"))?;
        Ok(())
    }

    /// The names and folders of the packages in our `Cargo.lock`, or of those that are required beside them.
    fn sources(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut command = cargo(&["metadata", "--format-version", "1"]);
        if self.requirements.is_empty() {
            command.arg("--locked");
        } else {
            let package = target().join("sources");
            let manifest = format!(
                "[package]\nname = \"sources\"\nversion = \"0.0.0\"\n\n[workspace]\n\n[dependencies]\n{}",
                self.requirements
            );
            write_package(&package, &manifest, b"")?;
            command.current_dir(package);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let packages = metadata["packages"].as_array().ok_or("no packages")?;
        let folder = |package: &serde_json::Value| {
            let manifest = Path::new(package["manifest_path"].as_str()?);
            let name = package["name"].as_str()?.to_owned();
            Some((name, manifest.parent()?.to_owned()))
        };
        Ok(packages.iter().filter_map(folder).collect())
    }
}

/// The folder of all copies.
fn target() -> PathBuf {
    root().join("target/suites")
}

/// Writes a library of one file.
fn write_package(place: &Path, manifest: &str, program: &[u8]) -> Result {
    fs::create_dir_all(place.join("src"))?;
    write(&place.join("src/lib.rs"), program)?;
    write(&place.join("Cargo.toml"), manifest.as_bytes())
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

/// Runs the tests, and returns a line for each: its name and its result.
fn results(suite: &Suite, place: &Path, chosen: &[String]) -> Result<BTreeSet<String>> {
    // By its manifest: a workspace may have another version of it, too.
    let manifest = place.join(suite.package).join("Cargo.toml");
    let test = |arg| {
        let mut command = cargo(&["test", arg, "--manifest-path"]);
        command.arg(&manifest).args(["--features", suite.features]);
        in_place(command.args(chosen), place);
        command
    };
    run::run(&mut test("--no-run"))?;
    // Tests may fail, as long as they also fail in the other run.
    let output = test("--no-fail-fast").stderr(Stdio::null()).output()?;
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
        .env("CARGO_TARGET_DIR", target().join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        // The crates' own minimum versions would select old dependencies.
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow")
}

/// Returns the test programs of a crate, in order, with their texts.
fn test_files(copy: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(copy.join("tests"))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&file)?;
            files.push((file, text));
        }
    }
    files.sort();
    Ok(files)
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
