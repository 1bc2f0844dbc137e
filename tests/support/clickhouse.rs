//! ClickHouse's engine behind its HTTP interface, for the tests of one program, which ends with it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use tempfile::TempDir;

/// The Python interpreter with the packages of `clickhouse/requirements.txt` [default: the one that `cargo xtask test` sets up].
const PYTHON: &str = "ACTIVITY_TEST_CLICKHOUSE";

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A running server.
#[derive(Debug)]
pub struct Server {
    port: u16,
    /// Ends when its standard input is closed: with this process, however that ends.
    _process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a server without data.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("activity-clickhouse-")
            .tempdir()
            .unwrap();
        let mut process = python("server.py")
            .arg(folder.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Server {
            port: line.trim().parse().expect("the server prints its port"),
            _process: process,
            folder,
        }
    }

    /// Returns the folder with its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Returns the port of the server that all tests of this program share.
pub fn port() -> u16 {
    SERVER.port
}

/// Returns the address of a new database on that server.
pub fn database() -> String {
    let number = DATABASES.fetch_add(1, Relaxed);
    format!(
        "clickhouse://default@127.0.0.1:{}/test_{number}",
        SERVER.port
    )
}

/// Returns a command that runs a script beside the server's.
pub fn python(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.ancestors().find(|root| root.join("xtask").exists());
    let root = root.expect("tests run in the repository");
    let set_up = || root.join("target/xtask/clickhouse/bin/python");
    let python = std::env::var_os(PYTHON).map_or_else(set_up, PathBuf::from);
    assert!(
        python.exists(),
        "no {}: `cargo xtask test` sets it up, or set {PYTHON} to a Python with the packages of tests/support/clickhouse/requirements.txt",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(root.join("tests/support/clickhouse").join(script));
    command
}
