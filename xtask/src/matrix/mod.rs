//! `cargo xtask matrix`: small programs that wrap a server, or use a log beside another crate that links SQLite.
//!
//! They are outside of the workspace, in `target/matrix`, and resolve their dependencies each time, as in a new project.

mod cases;
mod lock;
mod servers;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cases::{CASES, Case, Fits};
use servers::SERVERS;

use crate::run::{self, Result, cargo, root};

/// The result of one program.
struct Row {
    beside: String,
    rusqlite: String,
    resolves: bool,
    builds: bool,
    /// It ran as expected.
    runs: bool,
    refused: bool,
    /// The program's output: the version of SQLite, or the reason for the refusal.
    said: String,
}

/// Resolves, builds and runs each program, then runs the store's tests with the oldest and the newest rusqlite; or only
/// the programs whose names contain this text.
///
/// # Errors
///
/// If one of them fails, after all of them were tried and the table was printed.
pub(crate) fn matrix(only: Option<&str>) -> Result {
    let chosen = SERVERS
        .iter()
        .chain(CASES)
        .filter(|case| only.is_none_or(|only| case.name.contains(only)));
    let rows = chosen.map(tried).collect::<Result<Vec<Row>>>()?;
    if !rows.is_empty() {
        print(&rows);
    }
    let with_store = matches!(only, None | Some("store"));
    if with_store {
        for end in store::at_both_ends()? {
            anstream::println!("{end}");
        }
    }
    let fails = |row: &&Row| !(row.resolves && row.builds && row.runs);
    match rows.iter().find(fails) {
        Some(row) => Err(format!("does not fit beside {}: {}", row.beside, row.said).into()),
        None if rows.is_empty() && !with_store => Err("no program has this name".into()),
        None => Ok(()),
    }
}

/// The folder of the programs, with one target directory for all.
fn folder() -> PathBuf {
    root().join("target/matrix")
}

/// Returns a `cargo` command for a folder in it, without debug information, which is large.
fn cargo_in(place: &Path, args: &[&str]) -> Command {
    let mut cargo = cargo(args);
    cargo
        .current_dir(place)
        .env("CARGO_TARGET_DIR", folder().join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none");
    cargo
}

fn tried(case: &Case) -> Result<Row> {
    let place = folder().join(case.name);
    write(case, &place)?;
    let mut row = Row {
        beside: case.beside.to_owned(),
        rusqlite: String::from("-"),
        resolves: false,
        builds: false,
        runs: false,
        refused: false,
        said: String::new(),
    };
    if let Some(package) = case.needs
        && !Command::new("pkg-config")
            .args(["--exists", package])
            .status()
            .is_ok_and(|status| status.success())
    {
        row.said = format!("left out: pkg-config knows no {package}");
        (row.resolves, row.builds, row.runs) = (true, true, true);
        return Ok(row);
    }
    if let Err(error) = run::run(&mut cargo_in(&place, &["generate-lockfile", "--quiet"])) {
        row.said = error.to_string();
        return Ok(row);
    }
    if let Some((package, version)) = case.precise {
        let update = ["update", "--quiet", package, "--precise", version];
        if let Err(error) = run::run(&mut cargo_in(&place, &update)) {
            row.said = error.to_string();
            return Ok(row);
        }
    }
    row.resolves = true;
    let locked = lock::read(&place)?;
    if let Some((package, shown)) = case.shown {
        let versions: Vec<&str> = locked.versions(package).collect();
        row.beside = format!("{shown} {}", versions.join(" and "));
    }
    row.rusqlite = match (locked.version("rusqlite"), locked.version("libsqlite3-sys")) {
        (Some(rusqlite), Some(sys)) => format!("{rusqlite} (libsqlite3-sys {sys})"),
        _ => String::from("none"),
    };
    let mut build = cargo_in(&place, &["build", "--quiet", "--locked"]);
    build.envs(case.env.iter().copied());
    if let Fits::NotBuilt(why) = case.fits {
        let output = build.output()?;
        let said = text(&output.stderr);
        row.refused = !output.status.success() && said.contains(why);
        (row.builds, row.runs) = (row.refused, row.refused);
        row.said = match row.refused {
            true => format!("not built: {why}"),
            false => said,
        };
        return Ok(row);
    }
    if let Err(error) = run::run(&mut build) {
        row.said = error.to_string();
        return Ok(row);
    }
    row.builds = true;
    let program = folder().join("target/debug").join(case.name);
    let output = Command::new(program)
        .current_dir(&place)
        .stderr(Stdio::piped())
        .output()?;
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    row.refused = !output.status.success();
    (row.runs, row.said) = match case.fits {
        Fits::Yes => (output.status.success(), format!("{out}{error}")),
        // Refused, or a supported version.
        Fits::Maybe(why) => (
            output.status.success() || error.contains(why),
            format!("{out}{error}"),
        ),
        Fits::No(why) | Fits::NotBuilt(why) => {
            (!output.status.success() && error.contains(why), error)
        }
    };
    Ok(row)
}

/// Writes the package of a program.
fn write(case: &Case, place: &Path) -> Result {
    fs::create_dir_all(place.join("src"))?;
    let programs = root().join("xtask/matrix");
    for shared in ["record.rs", "served.rs"] {
        fs::copy(programs.join(shared), place.join("src").join(shared))?;
    }
    fs::copy(
        programs.join(format!("{}.rs", case.program)),
        place.join("src/main.rs"),
    )?;
    let library = root().display().to_string();
    let manifest = format!(
        "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n\
         [dependencies]\ntower-activity = {{ path = {library:?}, {} }}\n\
         tokio = {{ version = \"1\", features = [\"io-util\", \"macros\", \"net\", \"rt\"] }}\n{}\n",
        case.name, case.ours, case.theirs
    );
    fs::write(place.join("Cargo.toml"), manifest)?;
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// Prints the results, of which the tables in docs/platforms.md are made.
fn print(rows: &[Row]) {
    let sign = |yes: bool| if yes { "yes" } else { "no" };
    let runs = |row: &Row| match row.refused && row.runs {
        true => "refused",
        false => sign(row.runs),
    };
    anstream::println!();
    anstream::println!("| beside | rusqlite | resolves | builds | runs | |");
    anstream::println!("|---|---|---|---|---|---|");
    for row in rows {
        anstream::println!(
            "| {} | {} | {} | {} | {} | {} |",
            row.beside,
            row.rusqlite,
            sign(row.resolves),
            sign(row.builds),
            runs(row),
            row.said.replace('\n', " ")
        );
    }
    anstream::println!();
}
