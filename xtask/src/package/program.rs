//! A program that uses the unpacked package: an application with a dashboard.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::run::{Result, root, run};

const NAME: &str = "uses-the-package";

/// Writes the program beside the package.
pub(super) fn write(place: &Path, package: &Path) -> Result {
    let folder = place.join("program");
    fs::create_dir_all(folder.join("src"))?;
    fs::copy(
        root().join("xtask/package/main.rs"),
        folder.join("src/main.rs"),
    )?;
    // With the same lock file, so that dependencies are not built again.
    fs::copy(package.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let package = package.display().to_string();
    let manifest = format!(
        "[package]\nname = {NAME:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         axum = {{ version = \"0.8\", default-features = false, features = [\"http1\", \"tokio\"] }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"net\", \"rt\"] }}\n\
         tower-activity = {{ path = {package:?}, features = [\"axum\", \"dashboard\"] }}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    Ok(())
}

/// Writes the first program of the README: an axum application that serves until it is stopped. Returns its folder.
pub(super) fn write_quickstart(place: &Path, package: &Path) -> Result<PathBuf> {
    let folder = place.join("quickstart");
    fs::create_dir_all(folder.join("src"))?;
    let readme = fs::read_to_string(package.join("README.md"))?;
    let code = readme
        .split_once("```rust,no_run\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(code, _)| code)
        .ok_or("the README has no program")?;
    fs::write(folder.join("src/main.rs"), code)?;
    fs::copy(package.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let package = package.display().to_string();
    let manifest = format!(
        "[package]\nname = \"readme-quickstart\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\naxum = \"0.8\"\ntokio = {{ version = \"1\", features = [\"macros\", \"net\", \"rt-multi-thread\"] }}\n\
         tower-activity = {{ path = {package:?}, features = [\"axum\", \"dashboard\"] }}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    Ok(folder)
}

/// Starts it, calls it, and requests the dashboard.
pub(super) fn check() -> Result {
    let mut program = Running::start(
        Command::new(super::target().join("debug").join(NAME)).stdout(Stdio::piped()),
    )?;
    let address = program.address()?;
    let get = |path: &str| -> Result<String> {
        let mut answer = ureq::get(format!("http://{address}{path}")).call()?;
        Ok(answer.body_mut().read_to_string()?)
    };
    if get("/hello/ann")? != "hello, ann" {
        return Err("the program does not answer as it should".into());
    }
    let page = get("/ops/activity/")?;
    let script = page
        .split('"')
        .find(|part| part.ends_with(".js"))
        .ok_or("the dashboard has no script")?;
    let script = get(&format!(
        "/ops/activity/{}",
        script.trim_start_matches("./")
    ))?;
    // The commit follows the response with a delay.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let calls = get("/ops/activity/api/activities")?;
        if calls.contains("GET /hello/{name}") {
            break;
        }
        if Instant::now() >= deadline {
            return Err(format!("the call is not on record: {calls}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    anstream::eprintln!(
        "  the dashboard of the package: a page of {} bytes, a script of {}",
        page.len(),
        script.len()
    );
    Ok(())
}

/// Checks that the command `activity`, built without pages, serves the API and explains how to get the pages.
pub(super) fn check_without_pages(place: &Path) -> Result {
    let activity = || {
        let mut command = Command::new(super::target().join("debug/activity"));
        command.env("ACTIVITY_STORE", place.join("activity.db"));
        command
    };
    run(activity()
        .args(["event", "build", "done"])
        .stdout(Stdio::null()))?;
    let mut serve = Running::start(
        activity()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped()),
    )?;
    let output = serve.0.stderr.take().ok_or("`serve` says nothing")?;
    let mut lines = BufReader::new(output).lines();
    let mut next = || -> Result<String> { Ok(lines.next().ok_or("`serve` has ended")??) };
    let (listening, hint) = (next()?, next()?);
    if !hint.contains("cargo xtask pages") {
        return Err(format!("`serve` does not say how to get the pages: {hint}").into());
    }
    let (_, address) = listening
        .split_once("http://")
        .ok_or_else(|| format!("`serve` says no address: {listening}"))?;
    let address = address.trim_end_matches('/');
    let events = ureq::get(format!("http://{address}/api/events")).call()?;
    let events = events.into_body().read_to_string()?;
    match events.contains("done") {
        true => Ok(()),
        false => {
            Err(format!("the API without pages does not answer as it should: {events}").into())
        }
    }
}

/// A running program, killed on drop.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .map_err(|error| format!("cannot run {:?}: {error}", command.get_program()))?;
        Ok(Running(child))
    }

    /// The address that it prints.
    fn address(&mut self) -> Result<String> {
        let output = self.0.stdout.take().ok_or("the program has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.trim() {
            "" => Err("the program ended before it listened".into()),
            address => Ok(address.to_owned()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
