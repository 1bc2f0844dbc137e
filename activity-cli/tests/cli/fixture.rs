//! A store written by a real log, and runs of the command on it.

use std::{
    path::PathBuf,
    process::{Command, Output},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tower_activity::{ActivityLog, Describe, Kind, Outcome, record::ActivityRecord};

/// A store in a temporary folder.
pub struct Fixture {
    pub folder: TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        Fixture {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("activity.db")
    }

    pub fn log(&self) -> ActivityLog {
        ActivityLog::builder()
            .flush_interval(Duration::from_millis(1))
            .open(self.path())
            .unwrap()
    }

    /// Creates a store with a request, its failed tool call, and three calls with other outcomes.
    pub fn with_calls() -> Self {
        let fixture = Fixture::new();
        let log = fixture.log();
        let request = log.start(
            Describe::new(Kind::Http, "POST /mcp")
                .session("s1")
                .actor("Ann B"),
        );
        let login = Describe::tool("netflix_login")
            .project("acme")
            .brand("netflix")
            .attribute("rows", 42);
        let login = log.start(login.parent(&request));
        log.start(Describe::job("lookup").parent(&login))
            .end(Outcome::success());
        login.end(Outcome::failed("tool_error").with_message("no such user\nat line 3"));
        request.end(Outcome::success());
        log.start(
            Describe::tool("amazon_search")
                .project("acme")
                .brand("amazon"),
        )
        .end(Outcome::success());
        drop(log.start(Describe::tool("slow")));
        log.start(Describe::job("idle")).end(Outcome::skipped());
        log.shutdown().wait().unwrap();
        fixture
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_activity"));
        command.args(args);
        command
    }

    /// A program in the store's folder, without the settings of the person who runs the tests.
    pub fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("TZ", "UTC")
            .env("XDG_DATA_HOME", self.folder.path().join("data"));
        for name in [
            "ACTIVITY_STORE",
            "ACTIVITY_TOKEN",
            "MNGR_HOST_DIR",
            "COLUMNS",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> CommandResult {
        CommandResult::new(&self.command(args).output().unwrap())
    }

    pub fn json(&self, args: &[&str]) -> Vec<ActivityRecord> {
        let ran = self.run(&[&args[..1], &["--json"], &args[1..]].concat());
        let is_hint = ran.stderr.is_empty() || ran.stderr.contains("more");
        assert!(ran.code == Some(0) && is_hint, "{}", ran.stderr);
        ran.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[derive(Debug)]
pub struct CommandResult {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandResult {
    pub fn new(output: &Output) -> Self {
        CommandResult {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

pub fn names(activities: &[ActivityRecord]) -> Vec<&str> {
    activities
        .iter()
        .map(|activity| activity.name.as_str())
        .collect()
}

/// Polls for an answer, for up to ten seconds.
pub fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in time");
        // Another process is waited for: nothing notifies this one.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
