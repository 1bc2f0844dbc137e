//! `cargo xtask archive`: packs the command `activity` into an archive for a release.
//!
//! The names of the archive and of the command in it come from `[package.metadata.binstall]`, so that `cargo binstall` finds
//! them.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    pages,
    run::{self, Result, cargo, root, run},
    rustup,
};

/// Files packed with the command.
const BESIDE: &[&str] = &[
    "activity-cli/README.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "src/web/pages/dist/THIRD-PARTY.txt",
];

/// Builds the command for this machine, and packs it into `target/archives`.
///
/// # Errors
///
/// If it cannot be built or packed, or the packed command does not run.
pub(crate) fn archive() -> Result {
    pages::pages()?;
    let build = ["build", "--release", "--locked", "--package"];
    run(cargo(&build).arg("activity-cli"))?;

    let names = Names::of(&binstall()?, &rustup::host()?)?;
    let archives = root().join("target/archives");
    let command = archives.join(&names.command);
    let folder = command.parent().ok_or("the command is in no folder")?;
    fs::create_dir_all(folder)?;
    let built = run::built()?.with_file_name("release");
    let built = built.join(format!("activity{}", std::env::consts::EXE_SUFFIX));
    fs::copy(built, &command)?;
    for file in BESIDE {
        let name = Path::new(file).file_name().unwrap_or_default();
        fs::copy(root().join(file), folder.join(name))?;
    }
    let packed = folder.file_name().unwrap_or_default();
    run(Command::new("tar")
        .arg("-czf")
        .args([names.archive.as_ref(), packed])
        .current_dir(&archives))?;
    fs::remove_dir_all(folder)?;

    run(Command::new("tar")
        .args(["-xzf", &names.archive])
        .current_dir(&archives))?;
    run(Command::new(&command).arg("--version"))?;
    fs::remove_dir_all(folder)?;
    let path = archives.join(names.archive);
    anstream::eprintln!("{} {}", run::good("✓"), path.display());
    Ok(())
}

/// The names that `cargo binstall` expects for one platform.
#[derive(Debug, PartialEq, Eq)]
struct Names {
    /// The last part of the address.
    archive: String,
    /// The path in the archive.
    command: String,
}

impl Names {
    /// Fills in the templates of the manifest.
    fn of(binstall: &Value, target: &str) -> Result<Self> {
        let fill = |key: &str| -> Result<String> {
            let template = binstall[key].as_str();
            let template = template.ok_or_else(|| format!("the manifest has no {key}"))?;
            let ending = std::env::consts::EXE_SUFFIX;
            let filled = template
                .replace("{ version }", env!("CARGO_PKG_VERSION"))
                .replace("{ target }", target)
                .replace("{ bin }", "activity")
                .replace("{ binary-ext }", ending)
                .replace("{ repo }", env!("CARGO_PKG_REPOSITORY"));
            match filled.contains('{') {
                true => Err(format!("{key} has an unknown variable: {filled}").into()),
                false => Ok(filled),
            }
        };
        let address = fill("pkg-url")?;
        let (_, archive) = address.rsplit_once('/').ok_or("pkg-url has no file")?;
        Ok(Names {
            archive: archive.to_owned(),
            command: fill("bin-dir")?,
        })
    }
}

/// `[package.metadata.binstall]` of the command.
fn binstall() -> Result<Value> {
    let output = cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let command = packages.find(|package| package["name"] == "activity-cli");
    let command = command.ok_or("cargo metadata lists no activity-cli")?;
    Ok(command["metadata"]["binstall"].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_of_the_manifest_name_an_archive_with_one_folder() {
        let binstall = binstall().expect("cargo reads the manifest");
        let names = Names::of(&binstall, "x86_64-unknown-linux-gnu").expect("complete templates");
        let stem = format!(
            "activity-{}-x86_64-unknown-linux-gnu",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(names.archive, format!("{stem}.tar.gz"));
        let ending = std::env::consts::EXE_SUFFIX;
        assert_eq!(names.command, format!("{stem}/activity{ending}"));
        assert_eq!(binstall["pkg-fmt"], "tgz");
    }

    #[test]
    fn a_variable_that_binstall_does_not_fill_in_is_refused() {
        let binstall = serde_json::json!({"pkg-url": "x/{ nmae }", "bin-dir": "x/y"});
        assert!(Names::of(&binstall, "t").is_err());
    }
}
