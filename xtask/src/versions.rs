//! `cargo xtask prove versions`: processes of two versions of the library on one file at once.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::run::{Result, cargo, root, run};

/// A commit whose files have today's schema. In earlier ones a shutdown failed beside a pruner.
const SAME_SCHEMA: &str = "34e4f764d8dde0050a56af5dcaaaf21f723d91fc";
/// The last commit with the schema before.
const EARLIER_SCHEMA: &str = "d6bb15e";
/// How long both versions use one file, and a process of a version records.
const TIME: Duration = Duration::from_secs(20);
const TURN: Duration = Duration::from_secs(3);

/// Builds this program with an earlier version of today's schema, one of the schema before, and today's, and lets them use
/// one file at once.
///
/// # Errors
///
/// If anything is lost, counted twice or refused that should not be, or the reverse.
pub(crate) fn versions() -> Result {
    let folder = root().join("target/versions");
    let today = build(&folder, "today", root())?;
    let same = build(&folder, "same-schema", &checkout(&folder, SAME_SCHEMA)?)?;
    let earlier = build(
        &folder,
        "earlier-schema",
        &checkout(&folder, EARLIER_SCHEMA)?,
    )?;
    let place = folder.join("files");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir(&place)?;
    both(&same, &today, &place.join("same.db"))?;
    migrated(&earlier, &today, &place.join("earlier.db"))
}

/// Both versions write, read, prune and check one file.
fn both(old: &Program, new: &Program, path: &Path) -> Result {
    let mut recorded = Process::start(old, "write", path)?.end()?;
    let start = Instant::now();
    let beside = [("read", old), ("read", new), ("prune", old), ("prune", new)]
        .map(|(what, program)| Process::start(program, what, path));
    let mut checks = 0;
    while start.elapsed() < TIME {
        let writers = [
            Process::start(old, "write", path)?,
            Process::start(new, "write", path)?,
        ];
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            for program in [old, new] {
                Process::start(program, "check", path)?.end_with()?;
                checks += 1;
            }
        }
        for writer in writers {
            recorded += writer.end()?;
        }
    }
    let mut ended = Vec::new();
    for process in beside {
        ended.push(process?.end()?);
    }
    let [old_reads, new_reads, old_deleted, new_deleted] = ended[..] else {
        return Err("a process is missing".into());
    };
    let counts = [old, new].map(|program| Process::start(program, "check", path)?.end_with());
    let [by_old, by_new] = counts;
    let (by_old, by_new) = (by_old?, by_new?);
    let [summed, found, expected] = by_new[..] else {
        return Err(format!("unexpected counts {by_new:?}").into());
    };
    anstream::println!(
        "one schema: {recorded} activities recorded, {old_deleted} and {new_deleted} deleted by the pruners, {found} in the file; \
         {old_reads} and {new_reads} reads, {checks} checks"
    );
    if by_old != by_new || summed != recorded || found != expected || old_reads * new_reads == 0 {
        return Err(format!("the counts are {by_old:?} and {by_new:?}").into());
    }
    Ok(())
}

/// A version of the schema before records while today's opens the file: today's waits for its end, then migrates it; the
/// earlier one refuses the file from then on.
fn migrated(old: &Program, new: &Program, path: &Path) -> Result {
    let writer = Process::start(old, "write", path)?;
    // It reads the file as it is.
    Process::start(new, "check", path)?.end_with()?;
    refused(new, path, "stop it")?;
    let recorded = writer.end()?;
    let more = Process::start(new, "write", path)?.end()?;
    refused(old, path, "upgrade")?;
    let counts = Process::start(new, "check", path)?.end_with()?;
    anstream::println!(
        "an earlier schema: {recorded} activities recorded by the version before, {more} after the migration"
    );
    match counts[..] {
        [summed, found, expected] if summed == recorded + more && found == expected => Ok(()),
        _ => Err(format!("the counts are {counts:?}").into()),
    }
}

/// Fails unless a version refuses to write to a file, and names the fix.
fn refused(program: &Program, path: &Path, fix: &str) -> Result {
    let output = Command::new(&program.0)
        .arg("write")
        .arg(path)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anstream::println!("refused: {}", said.trim());
    match !output.status.success() && said.contains(fix) {
        true => Ok(()),
        false => Err(format!("not refused with {fix:?}: {said}").into()),
    }
}

/// The program, built with one version.
struct Program(PathBuf);

/// Checks a commit out into a folder of its own, without Git's files.
fn checkout(folder: &Path, commit: &str) -> Result<PathBuf> {
    let place = folder.join(commit);
    if place.join("Cargo.toml").exists() {
        return Ok(place);
    }
    fs::create_dir_all(&place)?;
    let archive = folder.join("archive.tar");
    let mut git = Command::new("git");
    git.current_dir(root())
        .args(["archive", "--format=tar", "--output"]);
    run(git.arg(&archive).arg(commit)).map_err(|error| {
        format!("{error} · the history of the repository is needed: git fetch --unshallow")
    })?;
    run(Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(&place))?;
    fs::remove_file(archive)?;
    Ok(place)
}

/// Builds the program with the library in a folder.
fn build(folder: &Path, name: &str, library: &Path) -> Result<Program> {
    let place = folder.join("programs").join(name);
    fs::create_dir_all(place.join("src"))?;
    fs::copy(
        root().join("xtask/versions/main.rs"),
        place.join("src/main.rs"),
    )?;
    // The versions of dependencies that this repository is built with.
    fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock"))?;
    let library = library.display().to_string();
    let manifest = format!(
        "[package]\nname = \"version-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n\
         [dependencies]\nchrono = {{ version = \"0.4\", default-features = false, features = [\"clock\", \"std\"] }}\n\
         tower-activity = {{ path = {library:?} }}\n"
    );
    fs::write(place.join("Cargo.toml"), manifest)?;
    let mut build = cargo(&["build", "--quiet"]);
    build
        .current_dir(&place)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "none");
    run(&mut build)?;
    Ok(Program(
        folder.join("target/debug").join(format!("version-{name}")),
    ))
}

/// A process of a version.
struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    name: String,
}

impl Process {
    /// Starts it, and waits until it has opened the file.
    fn start(program: &Program, what: &str, path: &Path) -> Result<Self> {
        let mut child = Command::new(&program.0)
            .arg(what)
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let file_name = program
            .0
            .file_name()
            .unwrap_or_default()
            .display()
            .to_string();
        let mut process = Process {
            child,
            lines: BufReader::new(stdout).lines(),
            name: format!("{file_name} {what}"),
        };
        match process.lines.next() {
            Some(Ok(line)) if line == "open" => Ok(process),
            _ => Err(format!("{} did not open the file", process.name).into()),
        }
    }

    /// Ends it. Returns the number that it prints.
    fn end(self) -> Result<u64> {
        match self.end_with()?[..] {
            [number] => Ok(number),
            ref numbers => Err(format!("expected one number, got {numbers:?}").into()),
        }
    }

    /// Ends it. Returns the numbers that it prints.
    fn end_with(mut self) -> Result<Vec<u64>> {
        drop(self.child.stdin.take());
        let line = self.lines.next().transpose()?.unwrap_or_default();
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("{} failed: {status}", self.name).into());
        }
        let numbers = line.split(' ').map(str::parse);
        Ok(numbers.collect::<std::result::Result<_, _>>()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
