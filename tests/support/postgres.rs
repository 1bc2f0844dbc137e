//! A PostgreSQL server for the tests of one program, which ends with it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// The folder with the programs of a server: [default: the newest that Debian has installed].
const PROGRAMS: &str = "ACTIVITY_TEST_POSTGRES";
/// The password, of servers that ask for one.
pub const PASSWORD: &str = "pass-w0rd";
/// How long a server may take to start.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Removes the folder of a server when it has stopped.
const REMOVE: &str = "rm -rf \"$PWD\"";

static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&programs()));

/// A running server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// The commands that start it, and that control it.
    start: String,
    control: String,
    /// Ends the server when its standard input is closed: with this process, however that ends.
    _shell: Child,
}

/// Returns the address of a new, empty database on the server that all tests of this program share.
pub fn database() -> String {
    SERVER.database()
}

/// Runs statements in a database of that server, and returns what they print.
pub fn query(url: &str, statements: &str) -> String {
    let database = url.rsplit('/').next().unwrap();
    let output = SERVER.psql(database, statements);
    assert!(output.status.success(), "{statements}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs statements at this address, with the rights of its user.
pub fn output(url: &str, statements: &str) -> std::process::Output {
    let mut client = Command::new(SERVER.client());
    let client = client.args([
        "-X",
        "-At",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        url,
        "-c",
        statements,
    ]);
    client.output().unwrap()
}

/// Runs a script of the client at this address: statements, and its own commands.
pub fn script(url: &str, script: &str) -> std::process::Output {
    let mut client = Command::new(SERVER.client())
        .args(["-X", "-At", "-v", "ON_ERROR_STOP=1", "-d", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    writeln!(input, "{script}").unwrap();
    drop(input);
    client.wait_with_output().unwrap()
}

/// Opens a session in a database of that server, which ends when it is dropped.
pub fn session(url: &str) -> Session {
    let mut client = Command::new(SERVER.client())
        .args(["-X", "-At", "-d", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(client.stdout.take().unwrap());
    Session { client, output }
}

/// A session of the server's own client.
#[derive(Debug)]
pub struct Session {
    client: Child,
    output: BufReader<ChildStdout>,
}

impl Session {
    /// Runs statements, and waits for their end.
    pub fn send(&mut self, statements: &str) {
        let input = self.client.stdin.as_mut().unwrap();
        writeln!(input, "{statements}\n\\echo done").unwrap();
        let mut line = String::new();
        while line != "done\n" {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.client.stdin.take());
        self.client.wait().unwrap();
    }
}

/// Starts a server of its own, for a test that stops it.
pub fn server() -> Server {
    Server::start(&programs())
}

/// Returns the folder with the programs of a server.
pub fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os(PROGRAMS) {
        return folder.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    let newest = folders
        .filter(|folder| folder.join("postgres").exists())
        .max();
    newest.unwrap_or_else(|| {
        panic!("no PostgreSQL server found: install the package `postgresql`, or set {PROGRAMS}")
    })
}

impl Server {
    /// Creates a cluster and starts its server.
    pub fn start(programs: &Path) -> Self {
        Server::start_set(programs, "")
    }

    /// The same with settings of the server: options of its command line.
    pub fn start_set(programs: &Path, settings: &str) -> Self {
        Server::start_with(programs, temporary(), "true", "-A trust", settings, REMOVE)
    }

    /// Starts the server of a cluster in a folder, which stays. Creates the cluster if there is none.
    pub fn start_kept(programs: &Path, folder: &Path, settings: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let folder = folder.canonicalize().unwrap();
        Server::start_with(programs, folder, "true", "-A trust", settings, "true")
    }

    /// The same with its files in a folder, which is on another disk.
    pub fn start_on(programs: &Path, folder: &Path, settings: &str) -> Self {
        let folder = in_folder(folder);
        Server::start_with(programs, folder, "true", "-A trust", settings, REMOVE)
    }

    /// Starts a server with passwords, and a certificate of an authority of its own.
    pub fn start_secure(programs: &Path) -> Self {
        let certificates = format!(
            "echo {PASSWORD} >password && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
               -keyout ca.key -out ca.crt -days 2 -subj /CN=authority 2>log \
             && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr \
               -subj /CN=localhost 2>>log && echo subjectAltName=DNS:localhost,IP:127.0.0.1 >names \
             && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
               -extfile names 2>>log"
        );
        Server::start_with(
            programs,
            temporary(),
            &certificates,
            "-A scram-sha-256 --pwfile=password",
            "-c ssl=on -c ssl_cert_file=$PWD/server.crt -c ssl_key_file=$PWD/server.key",
            REMOVE,
        )
    }

    /// Starts a standby of this server, which receives what it commits, soon after. The server restarts: it is copied while it is
    /// stopped, because the servers from npm come without `pg_basebackup`.
    pub fn standby(&self) -> Self {
        let copy = format!(
            "cp -a \"{}/data\" data && touch data/standby.signal \
             && printf \"primary_conninfo = \\047host=127.0.0.1 port={} user=postgres\\047\" >>data/postgresql.auto.conf",
            self.folder.display(),
            self.port
        );
        self.stop("fast");
        let standby = Server::start_with(
            &self.programs,
            temporary(),
            &copy,
            "",
            "-c wal_retrieve_retry_interval=100",
            REMOVE,
        );
        self.start_again();
        standby
    }

    /// Cuts a standby off its primary. It receives nothing more, once it has no receiver.
    pub fn cut_off(&self) {
        for statement in [
            "ALTER SYSTEM SET primary_conninfo = ''",
            "SELECT pg_reload_conf()",
        ] {
            assert!(self.psql("postgres", statement).status.success());
        }
    }

    /// Makes a standby a primary.
    pub fn promote(&self) {
        let promote = format!("{} -w promote >/dev/null 2>&1", self.control);
        run(Command::new("sh").args(["-c", &promote]));
    }

    /// Returns the host and the port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn start_with(
        programs: &Path,
        folder: PathBuf,
        before: &str,
        initialize: &str,
        settings: &str,
        after: &str,
    ) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        as_user(&folder);
        let user = prefix();
        let control = format!(
            "cd '{folder}' && {user} '{programs}/pg_ctl' -D '{folder}/data'",
            folder = folder.display(),
            programs = programs.display(),
        );
        let start = format!(
            "{control} -W -l '{folder}/server.log' -o \"-k '{folder}' -p {port} -c listen_addresses=127.0.0.1,127.0.0.2 -c fsync=off \
             -c max_connections=200 {settings}\" start >/dev/null 2>&1",
            folder = folder.display(),
        );
        let script = format!(
            "cd '{folder}' && {user} sh -c '{before}' \
             && {{ [ -e data ] || {user} '{programs}/initdb' -D '{folder}/data' -U postgres {initialize} --no-sync >'{folder}/log' 2>&1; }} \
             && {start} && {{ echo started; read _; {control} -m fast stop >/dev/null 2>&1; {after}; }}",
            folder = folder.display(),
            programs = programs.display(),
        );
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let server = Server {
            programs: programs.to_owned(),
            folder,
            port,
            databases: AtomicU32::new(0),
            start,
            control,
            _shell: shell,
        };
        server.wait_until_started();
        server
    }

    /// Stops the server: `fast`, after rolling back what is open, or `immediate`, as a crash would.
    pub fn stop(&self, mode: &str) {
        let stop = format!("{} -m {mode} stop >/dev/null 2>&1", self.control);
        run(Command::new("sh").args(["-c", &stop]));
    }

    /// Starts the server again, with the same address, unless it has restarted by itself.
    pub fn start_again(&self) {
        // It fails in the latter case.
        let _ = Command::new("sh").args(["-c", &self.start]).status();
        self.wait_until_started();
    }

    /// Stops all of its processes where they are: it accepts connections and bytes, and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let kill = format!(
            "P=$(head -1 '{}/data/postmaster.pid'); kill -{signal} $P && for C in $(ps -o pid= --ppid $P); do kill -{signal} $C || true; done",
            self.folder.display()
        );
        run(Command::new("sh").args(["-c", &kill]));
    }

    fn wait_until_started(&self) {
        let deadline = Instant::now() + TIMEOUT;
        while !self.psql("postgres", "SELECT 1").status.success() {
            let logs = ["log", "server.log"].map(|log| self.folder.join(log));
            let log = logs
                .map(|log| fs::read_to_string(log).unwrap_or_default())
                .concat();
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not start:\n{log}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Returns the address of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Relaxed));
        let created = self.psql("postgres", &format!("CREATE DATABASE {name}"));
        assert!(created.status.success(), "{created:?}");
        self.url(&name)
    }

    /// Returns the address of a database.
    pub fn url(&self, name: &str) -> String {
        format!(
            "postgres://postgres:{PASSWORD}@127.0.0.1:{}/{name}",
            self.port
        )
    }

    /// Returns the client: that of the server, or the system's.
    fn client(&self) -> PathBuf {
        let own = self.programs.join("psql");
        Some(own)
            .filter(|own| own.exists())
            .unwrap_or("psql".into())
    }

    /// Returns the folder with its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs statements in a database by the client.
    pub fn psql(&self, database: &str, statements: &str) -> std::process::Output {
        Command::new(self.client())
            .env("PGPASSWORD", PASSWORD)
            .args([
                "-X",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "postgres",
            ])
            .args([
                "-d",
                database,
                "-At",
                "-v",
                "ON_ERROR_STOP=1",
                "-c",
                statements,
            ])
            .output()
            .unwrap()
    }
}

fn temporary() -> PathBuf {
    in_folder(&std::env::temp_dir())
}

fn in_folder(folder: &Path) -> PathBuf {
    tempfile::Builder::new()
        .prefix("activity-postgres-")
        .tempdir_in(folder)
        .unwrap()
        .keep()
}

/// Gives a folder to the user that servers run as: they refuse to run as root.
pub fn as_user(folder: &Path) {
    if is_root() {
        run(Command::new("chown").args(["-R", "postgres"]).arg(folder));
    }
}

/// Returns the beginning of a command that runs as that user.
pub fn prefix() -> &'static str {
    match is_root() {
        true => "setpriv --reuid=postgres --regid=postgres --clear-groups",
        false => "",
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}
