//! The file that is published.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{self, Result, cargo, run};

/// How large it may be: ten times as much is what crates.io takes.
const LARGEST: u64 = 1_000_000;

/// What users need and nothing else would miss.
const NEEDED: &[&str] = &[
    "Cargo.lock",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "src/lib.rs",
    "src/bin/activity/main.rs",
    "src/web/pages/dist/THIRD-PARTY.txt",
    "src/web/pages/dist/dashboard/index.html",
    "src/web/pages/dist/dashboard/replay.html",
    "src/web/pages/dist/record.js",
    "src/web/pages/rrweb.txt",
];

/// Where the rest is.
const FOLDERS: &[&str] = &["build/", "examples/", "src/"];

/// What needs node, and what only tests need.
const NOT_IN_IT: &[&str] = &[
    "node_modules",
    ".ts",
    "package.json",
    "openapi.json",
    "replay.js",
    ".db",
];

/// The package of the library.
pub(super) struct CrateFile {
    path: PathBuf,
    pub(super) files: Vec<String>,
    pub(super) bytes: u64,
}

impl CrateFile {
    /// Packs what is in the work tree, committed or not.
    pub(super) fn pack() -> Result<Self> {
        const PACKAGE: [&str; 4] = ["package", "--package", "tower-activity", "--allow-dirty"];
        let listed = cargo(&PACKAGE).args(["--list", "--quiet"]).output()?;
        let files = String::from_utf8(listed.stdout)?;
        // Built below, as it is unpacked. A manifest with tests that are not in it is said one by one.
        run(cargo(&PACKAGE).args(["--no-verify", "--quiet"]))?;
        let version = env!("CARGO_PKG_VERSION");
        let packages = run::built()?.with_file_name("package");
        let path = packages.join(format!("tower-activity-{version}.crate"));
        Ok(CrateFile {
            files: files.lines().map(|line| line.replace('\\', "/")).collect(),
            bytes: fs::metadata(&path)?.len(),
            path,
        })
    }

    /// Everything is in it that is needed, nothing that is not, and it is small.
    pub(super) fn check(&self) -> Result {
        let missing = NEEDED
            .iter()
            .find(|needed| !self.files.iter().any(|file| file == *needed));
        if let Some(missing) = missing {
            return Err(format!("the package has no {missing}").into());
        }
        let superfluous = self.files.iter().find(|file| {
            let in_folder = FOLDERS.iter().any(|folder| file.starts_with(folder));
            (file.contains('/') && !in_folder) || NOT_IN_IT.iter().any(|part| file.contains(part))
        });
        if let Some(superfluous) = superfluous {
            return Err(format!("the package should not have {superfluous}").into());
        }
        match self.bytes > LARGEST {
            true => Err(format!("the package has {} bytes, not {LARGEST}", self.bytes).into()),
            false => Ok(()),
        }
    }

    /// Unpacks it below a folder. Returns where it is then.
    pub(super) fn unpack(&self, place: &Path) -> Result<PathBuf> {
        let mut tar = Command::new("tar");
        run(tar.arg("-xzf").arg(&self.path).current_dir(place))?;
        let name = self.path.file_stem().ok_or("a package without a name")?;
        Ok(place.join(name))
    }
}
