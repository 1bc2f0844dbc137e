//! A PostgreSQL server for a try: in a temporary folder, until it is dropped.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Where distributions have the programs of a server, beside the folders of `PATH`.
const INSTALLED: &[&str] = &[
    "/usr/lib/postgresql",
    "/usr/pgsql",
    "/opt/homebrew/opt/postgresql",
];

/// A running server.
pub(crate) struct Database {
    /// Its address, with a password: it is not to be printed.
    pub(crate) address: String,
    /// Stops the server when its standard input is closed: with this process, however that ends.
    guard: Child,
}

impl Database {
    /// Creates a cluster in a folder, and starts its server.
    ///
    /// # Errors
    ///
    /// If no PostgreSQL is installed, or it does not start.
    pub(crate) fn start(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let programs = programs().ok_or(
            "no PostgreSQL is installed here: install one (Debian: `apt-get install postgresql`), or set DATABASE_URL to the \
             address of a database, 15 or newer",
        )?;
        let folder = folder.to_owned();
        fs::create_dir(&folder)?;
        let password = random()?;
        fs::write(folder.join("password"), &password)?;
        if is_root() {
            // Servers refuse to run as root.
            Command::new("chown")
                .arg("-R")
                .arg("postgres")
                .arg(&folder)
                .status()?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let user = match is_root() {
            true => "setpriv --reuid=postgres --regid=postgres --clear-groups",
            false => "",
        };
        let (folder, programs) = (folder.display(), programs.display());
        let script = format!(
            "trap '' INT && cd '{folder}' && {user} '{programs}/initdb' -U fleet -A scram-sha-256 --pwfile=password --no-sync -D data >&2 \
             && {user} '{programs}/pg_ctl' -D data -l server.log -w -o \"-p {port} -c listen_addresses=127.0.0.1 -k '{folder}'\" start >&2 \
             && {{ echo started; read _; {user} '{programs}/pg_ctl' -D data -m fast stop >&2; }}"
        );
        let mut guard = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(format!("{folder}/log"))?)
            .spawn()?;
        let mut started = String::new();
        if let Some(output) = guard.stdout.take() {
            BufReader::new(output).read_line(&mut started)?;
        }
        match started.is_empty() {
            true => Err(format!(
                "PostgreSQL did not start: {}",
                fs::read_to_string(format!("{folder}/log"))?
            )
            .into()),
            false => Ok(Database {
                address: format!("postgres://fleet:{password}@127.0.0.1:{port}/postgres"),
                guard,
            }),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error says that it has ended.
        let _ = self.guard.wait();
    }
}

/// Returns the folder with the programs of the newest server.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for installed in INSTALLED {
        folders.push(Path::new(installed).join("bin"));
        let versions = fs::read_dir(installed).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> =
            versions.map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout == b"0\n")
}
