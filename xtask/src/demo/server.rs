//! A server as a child process.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::run::{Result, root};

const STARTS_WITHIN: Duration = Duration::from_secs(60);
const STOPS_WITHIN: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A server that listens on the loopback interface. It is killed on drop.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    /// Its address.
    pub(super) url: String,
    /// The file with its output.
    pub(super) said: PathBuf,
}

impl Server {
    /// Starts it at this port, or at any free one, and waits until it listens. Its address is appended to the arguments.
    ///
    /// # Errors
    ///
    /// If it cannot be started, exits, or does not listen in time; the error has its output.
    pub(super) fn start(
        name: &'static str,
        port: u16,
        program: &Path,
        args: &[&str],
        store: &str,
    ) -> Result<Self> {
        let address = free_address(port)?;
        let said = root().join(format!("target/xtask/{name}.log"));
        fs::create_dir_all(root().join("target/xtask"))?;
        let file = File::create(&said)?;
        let child = Command::new(program)
            .args(args)
            .arg(address.to_string())
            .env("ACTIVITY_STORE", store)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let url = format!("http://{address}");
        let mut server = Server {
            name,
            child,
            url,
            said,
        };
        let deadline = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&server.said).unwrap_or_default();
                let how = ended.map_or(String::from("is running"), |status| status.to_string());
                return Err(format!(
                    "{name} does not listen at {address} ({how}): {}",
                    said.trim()
                )
                .into());
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    /// Fails if it has exited.
    ///
    /// # Errors
    ///
    /// If it has exited by itself.
    pub(super) fn runs(&mut self) -> Result {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.ended_with(status)),
        }
    }

    fn ended_with(&self, status: ExitStatus) -> Box<dyn std::error::Error + Send + Sync> {
        format!(
            "{} ended with {status}, see {}",
            self.name,
            self.said.display()
        )
        .into()
    }

    /// Sends SIGTERM, as a process manager would, and waits for the exit.
    ///
    /// # Errors
    ///
    /// If it does not exit in time (it is then killed), or fails.
    pub(super) fn stop(mut self) -> Result {
        let pid = self.child.id().to_string();
        if self.child.try_wait()?.is_none() {
            Command::new("kill").args(["-TERM", &pid]).status()?;
        }
        let deadline = Instant::now() + STOPS_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return match status.success() {
                    true => Ok(()),
                    false => Err(self.ended_with(status)),
                };
            }
            if Instant::now() > deadline {
                let name = self.name;
                return Err(format!("{name} did not end within {STOPS_WITHIN:?}").into());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the server has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns an address with this port if it is free, otherwise with any free port.
fn free_address(port: u16) -> Result<SocketAddr> {
    let usual = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = usual.or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(listener.local_addr()?)
}
