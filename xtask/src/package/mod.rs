//! `cargo xtask package`: what is published can be built and used where there is neither this repository nor node.

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

/// What is built of the unpacked package.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Built {
    /// A program with the dashboard, and everything at once is checked.
    Together,
    /// Each feature by itself too, and the command without pages.
    Everything,
}

/// Packages the library and the command, unpacks them outside of the repository, and builds them there with node, npm and git
/// hidden.
///
/// # Errors
///
/// When something is missing, superfluous or too large, does not build, or does not do what it should.
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
    // In place of the library that is not published yet.
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
        build(&["run"], &quickstart)?;
        // As a clone is before its pages are built.
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

/// Where it is built: cargo takes the package and the repository's own for the same, and would go on with what the build
/// script of the one made for the other.
fn target() -> PathBuf {
    root().join("target/packaged")
}

/// A folder outside of any repository, which is removed at the end.
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
