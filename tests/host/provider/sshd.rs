//! A real sshd on the loopback interface, with its own keys.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::support::poll_until;

/// An sshd that runs until it is dropped, and the configuration of a client that it accepts.
pub struct Sshd {
    daemon: Child,
    port: u16,
    folder: TempDir,
}

impl Sshd {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| {
            let key = folder.path().join(name);
            let mut made = Command::new("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
            assert!(made.status().unwrap().success());
            key
        };
        let (host, user) = (key("host"), key("user"));
        let public = |key: &Path| fs::read_to_string(key.with_extension("pub")).unwrap();
        fs::write(folder.path().join("authorized"), public(&user)).unwrap();
        // The port is free now.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let known = format!("[127.0.0.1]:{port} {}", public(&host));
        fs::write(folder.path().join("known"), known).unwrap();
        let here = folder.path().display();
        let client = format!(
            "Host machine\n HostName 127.0.0.1\n Port {port}\n IdentityFile {here}/user\n IdentitiesOnly yes\n \
             UserKnownHostsFile {here}/known\n"
        );
        fs::write(folder.path().join("client"), client).unwrap();
        let server = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {here}/host\nAuthorizedKeysFile {here}/authorized\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        );
        fs::write(folder.path().join("server"), server).unwrap();
        let mut sshd = Sshd {
            daemon: run(folder.path()),
            port,
            folder,
        };
        sshd.listens();
        sshd
    }

    /// The file for `ssh -F`; the machine is called `machine`.
    pub fn client(&self) -> PathBuf {
        self.folder.path().join("client")
    }

    /// Kills it with all connections, and starts it again.
    pub fn restart(&mut self) {
        self.end();
        self.daemon = run(self.folder.path());
        self.listens();
    }

    fn listens(&mut self) {
        poll_until(|| {
            if let Some(ended) = self.daemon.try_wait().unwrap() {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                panic!("sshd has ended: {ended}\n{log}");
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()
        });
    }

    /// Sends a signal to all its connections, which are its child processes.
    pub fn signal(&self, signal: &str) {
        let parent = self.daemon.id().to_string();
        let sent = Command::new("pkill").args([signal, "-P", &parent]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills it with all connections.
    pub fn end(&mut self) {
        let parent = self.daemon.id().to_string();
        // There may be no connection.
        let _ = Command::new("pkill")
            .args(["-KILL", "-P", &parent])
            .status();
        // It may have exited already.
        let _ = self.daemon.kill();
        self.daemon.wait().unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(folder: &Path) -> Child {
    // As root, sshd drops privileges in this folder, which distributions create at boot.
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(find());
    command.args(["-D", "-e", "-f"]).arg(folder.join("server"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command.spawn().unwrap()
}

/// Finds sshd, which must be started by its absolute path.
fn find() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from);
    let found = env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join("sshd"));
    found.into_iter().find(|sshd| sshd.is_file()).expect(
        "this test needs OpenSSH's server, and `cargo xtask test` says how to get it: no `sshd` in PATH or /usr/sbin",
    )
}
