//! A pgbouncer in transaction mode, before a server of this program's tests.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::postgres::{as_user, prefix};

/// How long it may take to start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running pooler.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    /// Ends the pooler when its standard input is closed: with this process, however that ends.
    _shell: Child,
}

impl Pooler {
    /// Starts one before the server at this address.
    pub fn start(url: &str) -> Self {
        let server = url.rsplit(':').next().unwrap().split('/').next().unwrap();
        // Closed at once: it would answer in place of the pooler.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = free.unwrap().port();
        let folder = tempfile::Builder::new()
            .prefix("activity-pgbouncer-")
            .tempdir()
            .unwrap()
            .keep();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = users\npool_mode = transaction\nmax_client_conn = 100\n\
             default_pool_size = 3\n"
        );
        fs::write(folder.join("settings"), settings).unwrap();
        fs::write(folder.join("users"), "\"postgres\" \"\"\n").unwrap();
        as_user(&folder);
        let script = format!(
            "cd '{folder}' && {{ {prefix} pgbouncer settings >log 2>&1 & P=$!; echo started; read _; kill -INT $P; wait $P; \
               rm -rf '{folder}'; }}",
            folder = folder.display(),
            prefix = prefix(),
        );
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = shell.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let deadline = Instant::now() + TIMEOUT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "pgbouncer did not start: install the package `pgbouncer`\n{log}"
            );
            thread::sleep(Duration::from_millis(20));
        }
        Pooler {
            port,
            _shell: shell,
        }
    }

    /// Returns the address of a database through this pooler.
    pub fn address(&self, url: &str) -> String {
        let database = url.rsplit('/').next().unwrap();
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
