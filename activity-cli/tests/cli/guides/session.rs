//! The terminals of a reader: runs the blocks of one guide in order, in a folder with a store.

use std::{
    env,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tower_activity::{Describe, Kind, Outcome, query::ActivityReader, record::Filter};

use super::blocks;
use crate::{
    fixture::{Fixture, until},
    postgres,
};

/// Programs that run until ctrl-c: a reader starts them in a terminal of their own.
const ENDLESS: &[&str] = &["activity serve", "activity webhooks run", "python3 "];
/// Text of a block, and what a program in another terminal prints then.
const PRINTED: &[(&str, &str)] = &[(
    "activity event deployment 'v3 live' --project acme\nactivity webhooks",
    "v3 live",
)];
/// Ports in the guides, which stand for free ones.
const PORTS: &[&str] = &["8787", "9000"];
/// The database in the guide about several machines.
const DATABASE: &str = "postgres://activity@db.internal/ops";
/// The ID in the guides, which stands for that of the newest failure.
const ID: &str = "0199e5a2-7c00-7d";

/// The folder, the ports, and the programs that are running.
pub(crate) struct Session {
    fixture: Fixture,
    ports: Vec<(&'static str, String)>,
    failed: String,
    recording: String,
    /// An empty database, which stands for that of the guides.
    database: String,
    /// The variables that earlier blocks have exported.
    exported: String,
    running: Vec<Program>,
}

struct Program {
    child: Child,
    command: String,
    printed: PathBuf,
}

impl Session {
    /// Fills a store with what the guides look for.
    pub(crate) fn new() -> Session {
        let fixture = Fixture::new();
        let (failed, recording) = fill(&fixture);
        // `curl` fails on a 4xx or 5xx.
        fs::write(
            fixture.folder.path().join(".curlrc"),
            "fail\nsilent\nshow-error\n",
        )
        .unwrap();
        Session {
            fixture,
            ports: PORTS.iter().map(|port| (*port, free_port())).collect(),
            failed,
            recording,
            database: String::new(),
            exported: String::new(),
            running: Vec::new(),
        }
    }

    /// Runs the shell blocks in order, and writes the programs in other languages that they run.
    ///
    /// # Errors
    ///
    /// With the first block that fails, and what it printed.
    pub(crate) fn run(&mut self, guide: &str) -> Result<(), String> {
        if guide.contains(DATABASE) {
            self.database = postgres::database();
        }
        for block in blocks(guide) {
            let own = self.filled_in(block.text);
            let text = format!("{}{own}", self.exported);
            match block.language {
                "python" => self.write_program(&own)?,
                "sh" if is_endless(&text) => self.start(&text)?,
                "sh" => self.finish(&text)?,
                _ => continue,
            }
            let exports = own.lines().filter(|line| line.starts_with("export "));
            exports.for_each(|line| self.exported.push_str(&format!("{line}\n")));
        }
        Ok(())
    }

    /// Replaces ports and IDs by those of this session.
    pub(crate) fn filled_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // First: an ID may have these digits.
        for (shown, port) in &self.ports {
            text = text.replace(shown, port);
        }
        let ids = [
            (ID, &self.failed),
            ("ACTIVITY_ID", &self.failed),
            ("RECORDING_ID", &self.recording),
            (DATABASE, &self.database),
        ];
        for (shown, id) in ids {
            text = text.replace(shown, id);
        }
        let listen = format!(" --listen 127.0.0.1:{}", self.port("8787"));
        let lines = text
            .lines()
            .map(|line| match line.strip_prefix("activity serve") {
                Some(_) if !line.contains("--listen") => format!("{line}{listen}\n"),
                _ => format!("{line}\n"),
            });
        lines.collect()
    }

    /// The port that stands for one of the guides.
    pub(crate) fn port(&self, shown: &str) -> &str {
        let found = self.ports.iter().find(|(port, _)| *port == shown);
        &found.expect("a port of the guides").1
    }

    /// Writes a file in the session's folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.fixture.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Saves a program under the name in its first line: `# receiver.py`.
    fn write_program(&self, text: &str) -> Result<(), String> {
        let name = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let name = name.ok_or_else(|| format!("no name in the first line:\n{text}"))?;
        self.write(name, text);
        Ok(())
    }

    fn shell(&self, text: &str) -> Command {
        let activity = Path::new(env!("CARGO_BIN_EXE_activity"));
        let others = env::var("PATH").unwrap();
        let folder = activity.parent().unwrap().display();
        let mut shell = self.fixture.program("sh");
        shell
            .args(["-eu", "-c", text])
            .env("PATH", format!("{folder}:{others}:/usr/sbin"))
            .env("HOME", self.fixture.folder.path());
        shell
    }

    /// Runs a block to its end.
    fn finish(&mut self, text: &str) -> Result<(), String> {
        let output = self.shell(text).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} of\n{text}{said}", output.status));
        }
        for (_, expected) in PRINTED.iter().filter(|(block, _)| text.contains(block)) {
            let printed = || {
                let texts = self.running.iter().map(Program::printed);
                texts
                    .into_iter()
                    .any(|text| text.contains(expected))
                    .then_some(())
            };
            until(printed);
        }
        Ok(())
    }

    /// Starts a block in another terminal, and waits until it listens, if it does.
    pub(crate) fn start(&mut self, text: &str) -> Result<(), String> {
        let printed = self
            .fixture
            .folder
            .path()
            .join(format!("terminal-{}", self.running.len()));
        let file = File::create(&printed).unwrap();
        let mut shell = self.shell(text);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        let child = shell
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        self.running.push(Program {
            child,
            command: text.to_owned(),
            printed,
        });
        let port = match text {
            _ if text.contains("activity serve") => self.port("8787").to_owned(),
            _ if text.contains("python3 ") => self.port("9000").to_owned(),
            _ => return Ok(()),
        };
        self.listens(&port)
    }

    /// Waits until the newest program listens.
    pub(crate) fn listens(&mut self, port: &str) -> Result<(), String> {
        let program = self.running.last_mut().expect("a program was started");
        until(|| {
            if program.child.try_wait().unwrap().is_some() {
                return Some(Err(format!(
                    "{}ended: {}",
                    program.command,
                    program.printed()
                )));
            }
            let connected = TcpStream::connect(format!("127.0.0.1:{port}"));
            connected.is_ok().then_some(Ok(()))
        })
    }
}

impl Program {
    fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its group, because a shell may stand between. It may have ended.
        let group = format!("kill -- -{}", self.child.id());
        let _ = Command::new("sh")
            .args(["-c", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_endless(text: &str) -> bool {
    let last = text.trim_end().lines().last().unwrap_or_default();
    ENDLESS.iter().any(|program| last.contains(program))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Records requests, calls, failures and events of several users. Returns the IDs of a failure and of a recording.
fn fill(fixture: &Fixture) -> (String, String) {
    let log = fixture.log();
    let acme = |describe: Describe| {
        describe
            .project("acme")
            .actor("ann")
            .agent("a-1")
            .session("s-17")
    };
    let request = log.start(acme(Describe::new(Kind::Http, "GET /users/{id}")));
    let search = log.start(acme(Describe::tool("search").brand("netflix")).parent(&request));
    search.set("rows", 42);
    search.end(Outcome::failed("tool_error").with_message("no such user"));
    request.end(Outcome::success());
    for (kind, event) in [("deployment", "v2 live"), ("chat_session", "12 messages")] {
        log.event(kind)
            .project("acme")
            .actor("ann")
            .summary(event)
            .record();
    }
    let replayed = log.start(Describe::tool("check_out"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut writer, output) = tokio::io::duplex(64);
        let recording = replayed
            .attach(tower_activity::recording::Terminal::new(output))
            .await;
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"hello\n")
            .await
            .unwrap();
        drop(writer);
        recording.stop().await;
    });
    replayed.end(Outcome::success());
    log.shutdown().wait().unwrap();
    let mut reader = ActivityReader::open(fixture.path()).unwrap();
    let failed = Filter::parse("status:failed", chrono::Utc::now()).unwrap();
    let failed = reader.page(&failed, None, 1).unwrap().records.remove(0).id;
    let replayed = Filter::parse("name:check_out", chrono::Utc::now()).unwrap();
    let replayed = reader
        .page(&replayed, None, 1)
        .unwrap()
        .records
        .remove(0)
        .id;
    let recording = reader
        .details(replayed)
        .unwrap()
        .unwrap()
        .recordings
        .remove(0)
        .id;
    (failed.to_string(), recording.to_string())
}
