//! Foreign SQLite clients, which read SQL from standard input, one statement per line.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
    sync::OnceLock,
};

/// How long each client waits for a lock, in milliseconds.
const BUSY_TIMEOUT: u32 = 10_000;

/// A foreign SQLite client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// The system's `sqlite3`.
    Shell,
    /// Python's `sqlite3` module.
    Python,
    /// A program with another version of SQLite linked: `other-sqlite/`.
    Other,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Client::Shell => "sqlite3",
            Client::Python => "python",
            Client::Other => "other-sqlite",
        })
    }
}

impl Client {
    pub const ALL: [Client; 3] = [Client::Shell, Client::Python, Client::Other];

    fn command(self, database: &Path) -> Command {
        let mut command = match self {
            Client::Shell => {
                let mut shell = Command::new("sqlite3");
                shell.args(["-batch", "-bail"]);
                shell
            }
            Client::Python => {
                let mut python = Command::new(python());
                python.arg(folder().join("client.py"));
                python
            }
            Client::Other => Command::new(other_sqlite()),
        };
        command.arg(database);
        command
    }

    /// Runs statements on a database in a process of their own. Returns its output.
    pub fn run(self, database: &Path, statements: &[&str]) -> Result<String, String> {
        let mut held = self.start(database);
        let told = statements.iter().all(|statement| held.send(statement));
        let output = held.end();
        let errors = String::from_utf8_lossy(&output.stderr);
        if told && output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("{self}: {}", errors.trim()))
        }
    }

    /// Runs statements, and keeps the process and its connection open.
    pub fn hold(self, database: &Path, statements: &[&str]) -> Result<ClientProcess, String> {
        let mut held = self.start(database);
        match held.ask(statements) {
            Ok(_) => Ok(held),
            Err(error) => Err(error),
        }
    }

    fn start(self, database: &Path) -> ClientProcess {
        let mut child = self
            .command(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot run {self}, `cargo xtask test` installs it: {error}")
            });
        let input = child.stdin.take();
        let output = child.stdout.take().map(BufReader::new);
        let mut held = ClientProcess {
            client: self,
            child: Some(child),
            input,
            output,
        };
        held.send(&format!(".timeout {BUSY_TIMEOUT}"));
        held
    }
}

/// A client process with an open connection. Dropping it ends the process.
#[derive(Debug)]
pub struct ClientProcess {
    client: Client,
    child: Option<Child>,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl ClientProcess {
    /// Sends a line; false if the client has ended.
    fn send(&mut self, line: &str) -> bool {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").is_ok()
    }

    /// Runs statements and returns their output.
    pub fn ask(&mut self, statements: &[&str]) -> Result<String, String> {
        for statement in statements {
            self.send(statement);
        }
        self.send(".print --done--");
        let (mut answer, mut line) = (String::new(), String::new());
        let output = self.output.as_mut().unwrap();
        while output.read_line(&mut line).unwrap() > 0 {
            if line == "--done--\n" {
                return Ok(answer);
            }
            answer.push_str(&line);
            line.clear();
        }
        let client = self.client;
        let output = self.end();
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("{client}: {}", errors.trim()))
    }

    /// Closes its input and waits for it to exit.
    fn end(&mut self) -> Output {
        self.input = None;
        let mut stdout = Vec::new();
        if let Some(mut rest) = self.output.take() {
            rest.read_to_end(&mut stdout).unwrap();
        }
        let child = self.child.take().unwrap();
        let mut output = child.wait_with_output().unwrap();
        output.stdout = stdout;
        output
    }
}

impl Drop for ClientProcess {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.end();
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/foreign_clients")
}

/// The path of the interpreter: a wrapper in PATH that selects one is slower than the interpreter itself.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let output = Command::new("python3")
            .args(["-c", "import sqlite3, sys; print(sys.executable)"])
            .output();
        let output = output.expect("cannot run python3, `cargo xtask test` installs it");
        assert!(
            output.status.success(),
            "python3 has no sqlite3: {output:?}"
        );
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// Builds `other-sqlite/` once.
fn other_sqlite() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // In `target`, beside the test's own profile folder.
        let this = std::env::current_exe().unwrap();
        let profile = this.parent().and_then(Path::parent).unwrap();
        let target = profile.with_file_name("other-sqlite");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(folder().join("other-sqlite/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .unwrap();
        assert!(built.success(), "other-sqlite does not build");
        target.join("debug/other-sqlite")
    })
}
