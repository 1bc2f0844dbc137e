//! The example tool server, as a child of this program.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::run::{Result, root};

/// Where it listens if nobody else does.
const PORT: u16 = 8788;
const STARTS_WITHIN: Duration = Duration::from_secs(20);
const STOPS_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A tool server that listens on loopback. It ends with this value.
pub(super) struct Server {
    child: Child,
    /// Where its MCP endpoint is.
    pub(super) url: String,
    /// Where it writes what it has to say.
    pub(super) said: PathBuf,
}

impl Server {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or does not listen in time; with what it said.
    pub(super) fn start(program: &Path, store: &str) -> Result<Self> {
        let address = free_address()?;
        let said = root().join("target/xtask/tool-server.log");
        fs::create_dir_all(root().join("target/xtask"))?;
        let file = File::create(&said)?;
        let child = Command::new(program)
            .args(["--http", &address.to_string(), "--root"])
            .arg(root())
            .env("ACTIVITY_STORE", store)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let url = format!("http://{address}/mcp");
        let mut server = Server { child, url, said };
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&server.said).unwrap_or_default();
                let how = ended.map_or(String::from("is running"), |status| status.to_string());
                return Err(format!(
                    "the tool server does not listen at {address} ({how}): {}",
                    said.trim()
                )
                .into());
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to end, as a process manager would, and waits until it has.
    ///
    /// # Errors
    ///
    /// When it does not end in time (then it is killed), or ends with a failure.
    pub(super) fn stop(mut self) -> Result {
        let pid = self.child.id().to_string();
        if self.ended()?.is_none() {
            Command::new("kill").args(["-TERM", &pid]).status()?;
        }
        let deadline = Instant::now() + STOPS_WITHIN;
        loop {
            if let Some(status) = self.ended()? {
                return match status.success() {
                    true => Ok(()),
                    false => Err(format!(
                        "the tool server ended with {status}, see {}",
                        self.said.display()
                    )
                    .into()),
                };
            }
            if Instant::now() > deadline {
                return Err(format!("the tool server did not end within {STOPS_WITHIN:?}").into());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails only where the server has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The usual port, or any that is free.
fn free_address() -> Result<SocketAddr> {
    let usual = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT));
    let listener = usual.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(listener.local_addr()?)
}
