//! `cargo xtask api`: schemathesis sends valid and invalid requests to the API, and checks the responses against its
//! description.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::run::{self, Result, cargo, root, run};

/// The version of schemathesis whose checks are listed below.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// The checks of each response. Not that valid requests are accepted: the description does not express the grammar of
/// filters.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
     response_schema_conformance,negative_data_rejection,unsupported_method";

/// A server process, killed on drop.
struct Server(Child);

/// Serves a store with some records, and runs schemathesis on it.
///
/// # Errors
///
/// If Python is missing, or a response violates the description.
pub(crate) fn api() -> Result {
    let folder = root().join("target/xtask/api");
    let python = folder.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", SCHEMATHESIS]))?;
    let build = [
        "build",
        "--package",
        "activity-cli",
        "--package",
        "tower-activity",
        "--bin",
        "activity",
        "--example",
        "quickstart",
    ];
    run(&mut cargo(&build))?;

    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(&data)?;
    }
    fs::create_dir_all(&data)?;
    let store = data.join("activity.db");
    let built = run::built()?;
    let activity = || {
        let mut command = Command::new(built.join("activity"));
        command.env("ACTIVITY_STORE", &store);
        command
    };
    run(Command::new(built.join("examples/quickstart")).env("ACTIVITY_STORE", &store))?;
    run(activity().args([
        "event",
        "deployment",
        "v3 live",
        "--project",
        "acme",
        "--actor",
        "ann",
    ]))?;
    let receiver = "https://example.com/hook";
    run(activity().args(["webhooks", "add", "alerts", receiver]))?;

    let mut serve = activity();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--accept-events"]);
    let mut server = Server(serve.stderr(Stdio::piped()).spawn()?);
    let mut said = String::new();
    let stderr = server.0.stderr.as_mut().ok_or("the server has no stderr")?;
    BufReader::new(stderr).read_line(&mut said)?;
    let address = said
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    let address = address.ok_or_else(|| format!("the server said {said:?}"))?;
    run(Command::new(folder.join("bin/schemathesis"))
        // It writes its findings into the working directory.
        .current_dir(&data)
        .args(["run", &format!("{address}api/openapi.json")])
        .args(["--url", &format!("{address}api"), "--checks", CHECKS])
        // The header of a same-origin page, which may write.
        .args(["--header", "Sec-Fetch-Site: same-origin"])
        // The event stream has no end.
        .args(["--exclude-path", "/live", "--request-timeout", "10"])
        .args([
            "--max-examples",
            "50",
            "--rate-limit",
            "150/s",
            "--no-color",
        ]))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
