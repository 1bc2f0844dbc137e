//! The published crate files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{self, Result, cargo, run};

/// Maximum size of one, an eighth of the limit of crates.io: a quarter are the pages, a tenth the guides on docs.rs.
const LARGEST: u64 = 1_300_000;

/// A published package.
struct Published {
    name: &'static str,
    /// Files that users need, and that no other check would miss.
    needed: &'static [&'static str],
    /// The folders of all other files.
    folders: &'static [&'static str],
}

const LIBRARY: Published = Published {
    name: "tower-activity",
    needed: &[
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "docs/axum.md",
        "src/lib.rs",
        "src/web/pages/dist/THIRD-PARTY.txt",
        "src/web/pages/dist/dashboard/index.html",
        "src/web/pages/dist/dashboard/replay.html",
        "src/web/pages/dist/record.js",
        "src/web/pages/rrweb.txt",
    ],
    folders: &["build/", "docs/", "examples/", "src/"],
};

const COMMAND: Published = Published {
    name: "activity-cli",
    needed: &[
        "Cargo.lock",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "src/main.rs",
    ],
    folders: &["src/"],
};

/// Files that must not be packaged: sources that need node, and files for tests only.
const NOT_IN_IT: &[&str] = &[
    "node_modules",
    ".ts",
    "package.json",
    "openapi.json",
    "replay.js",
    ".db",
];

/// A packed crate file.
pub(super) struct CrateFile {
    published: &'static Published,
    path: PathBuf,
    pub(super) files: Vec<String>,
    pub(super) bytes: u64,
}

/// Packs the library and the command from the work tree, committed or not.
///
/// Both at once, because the command needs a version of the library that is not yet in the registry.
pub(super) fn pack() -> Result<[CrateFile; 2]> {
    let package = [
        "package",
        "--package",
        LIBRARY.name,
        "--package",
        COMMAND.name,
    ];
    // They are built later, unpacked. Cargo warns about each test of a manifest that is not packaged.
    run(cargo(&package).args(["--allow-dirty", "--no-verify", "--quiet"]))?;
    Ok([CrateFile::of(&LIBRARY)?, CrateFile::of(&COMMAND)?])
}

impl CrateFile {
    fn of(published: &'static Published) -> Result<Self> {
        let list = ["package", "--package", published.name, "--allow-dirty"];
        let listed = cargo(&list).args(["--list", "--quiet"]).output()?;
        let files = String::from_utf8(listed.stdout)?;
        let version = env!("CARGO_PKG_VERSION");
        let packages = run::built()?.with_file_name("package");
        let path = packages.join(format!("{}-{version}.crate", published.name));
        Ok(CrateFile {
            published,
            files: files.lines().map(|line| line.replace('\\', "/")).collect(),
            bytes: fs::metadata(&path)?.len(),
            path,
        })
    }

    /// Fails if a required file is missing, an unneeded one is included, or it is too large.
    pub(super) fn check(&self) -> Result {
        let Published {
            name,
            needed,
            folders,
        } = self.published;
        let missing = needed
            .iter()
            .find(|needed| !self.files.iter().any(|file| file == *needed));
        if let Some(missing) = missing {
            return Err(format!("{name} is packaged without {missing}").into());
        }
        let superfluous = self.files.iter().find(|file| {
            let in_folder = folders.iter().any(|folder| file.starts_with(folder));
            (file.contains('/') && !in_folder) || NOT_IN_IT.iter().any(|part| file.contains(part))
        });
        if let Some(superfluous) = superfluous {
            return Err(format!("{name} is packaged with {superfluous}").into());
        }
        match self.bytes > LARGEST {
            true => Err(format!("{name} has {} bytes, the limit is {LARGEST}", self.bytes).into()),
            false => Ok(()),
        }
    }

    /// Unpacks it below a folder. Returns the path.
    pub(super) fn unpack(&self, place: &Path) -> Result<PathBuf> {
        let mut tar = Command::new("tar");
        run(tar.arg("-xzf").arg(&self.path).current_dir(place))?;
        let name = self.path.file_stem().ok_or("a package without a name")?;
        Ok(place.join(name))
    }
}
