//! `cargo xtask package`: checks that the published packages can be built and used without this repository and node.

mod crate_file;
mod hidden;
mod program;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    checks, pages,
    run::{self, Result, cargo, root, run},
};

use self::hidden::Hidden;

/// The builds of the unpacked package.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Built {
    /// A program with the dashboard, and a check with all features.
    Together,
    /// Also each feature alone, and the command without pages.
    Everything,
}

/// Packages the library and the command, unpacks them outside of the repository, and builds them there with node, npm and git
/// hidden.
///
/// # Errors
///
/// If a file is missing, unneeded or too large, a build fails, or a program misbehaves.
pub(crate) fn package(built: Built) -> Result {
    pages::pages()?;
    let [library, command] = crate_file::pack()?;
    library.check()?;
    command.check()?;
    let place = Place::new()?;
    let unpacked = library.unpack(&place.0)?;
    let unpacked_command = command.unpack(&place.0)?;
    let hidden = Hidden::behind(&place.0)?;
    let build = |args: &[&str], folder: &Path| {
        let mut command = cargo(args);
        command
            .arg("--quiet")
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_INCREMENTAL", "0");
        run(hidden.from(&mut command))
    };
    program::write(&place.0, &unpacked)?;
    build(&["build"], &place.0.join("program"))?;
    program::check()?;
    build(&["check", "--locked", "--all-features"], &unpacked)?;
    // Replaces the library, which is not published yet.
    let path = unpacked.display();
    let patch = format!(
        "patch.crates-io.tower-activity.path = {:?}",
        path.to_string()
    );
    let command_with = |subcommand| build(&[subcommand, "--config", &patch], &unpacked_command);
    command_with("check")?;
    if built == Built::Everything {
        for name in checks::feature_names()? {
            let args = ["check", "--locked", "--no-default-features", "--features"];
            build(&[&args[..], &[&name]].concat(), &unpacked)?;
        }
        build(&["build", "--locked", "--all-features"], &unpacked)?;
        let quickstart = program::write_quickstart(&place.0, &unpacked)?;
        build(&["build"], &quickstart)?;
        // Like a clone without built pages.
        fs::remove_dir_all(unpacked.join("src/web/pages/dist"))?;
        command_with("build")?;
        program::check_without_pages(&place.0)?;
    }
    hidden.was_not_used()?;
    anstream::eprintln!(
        "{} {} files, {} bytes, and {} files, {} bytes of the command: both build outside of a repository, without node",
        run::good("✓"),
        library.files.len(),
        library.bytes,
        command.files.len(),
        command.bytes
    );
    Ok(())
}

/// A separate target directory: cargo takes the package for the repository's, and would reuse the output of its build
/// script.
fn target() -> PathBuf {
    root().join("target/packaged")
}

/// Creates a folder outside of any repository, which is removed on drop.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self> {
        let name = format!("tower-activity-package-{}", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::create_dir(&place)?;
        Ok(Place(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            anstream::eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}
