//! Three web servers that record into a file each and forward it to one PostgreSQL database, and one page for all of them.
//!
//! ```text
//! cargo run -p fleet
//! ```
//!
//! It starts a PostgreSQL server of its own, in a temporary folder, if one is installed; `DATABASE_URL` names another database. An
//! argument is the address at which the page is served.
//!
//! Each server is a process of its own with a file of its own, as if it ran on another machine. Stop the database for a while: the
//! servers answer as before, and what they recorded meanwhile arrives later.

mod database;
mod instance;

use std::{env, error::Error, path::Path, process::Stdio};

use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};
use tower_activity::{
    ActivityLog,
    web::{ActivityRouter, Server},
};

use self::database::Database;

const INSTANCES: [&str; 3] = ["north", "south", "west"];
/// The variable with the address of the database.
const DATABASE: &str = "DATABASE_URL";
/// Where the page for all instances is served.
const PAGE: &str = "127.0.0.1:8790";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => fleet(PAGE).await,
        [page] => fleet(page).await,
        [name, store] => {
            let log = ActivityLog::builder()
                .environment(name.to_owned())
                .forward_to(env::var(DATABASE)?.as_str())
                .open(Path::new(store))?;
            instance::run(name, &log).await?;
            println!("{name}: {}", log.shutdown().await?);
            Ok(())
        }
        _ => Err("usage: fleet [ADDRESS]".into()),
    }
}

/// Starts a database, unless one is given, and all instances; serves the page until it is stopped.
async fn fleet(page: &str) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut own = None;
    let address = match env::var(DATABASE) {
        Ok(address) => address,
        Err(_) => {
            // The server's user has to enter it.
            std::fs::set_permissions(
                folder.path(),
                std::os::unix::fs::PermissionsExt::from_mode(0o711),
            )?;
            own.insert(Database::start(&folder.path().join("postgres"))?)
                .address
                .clone()
        }
    };
    let mut running = Vec::new();
    for name in INSTANCES {
        running.push(start(
            name,
            &folder.path().join(format!("{name}.db")),
            &address,
        )?);
    }
    let server = Server::bind(page, ActivityRouter::open(address.as_str())?).await?;
    println!("all instances: http://{}/", server.address());
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        () = server.run() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
        _ = terminated.recv() => {}
    }
    // They forward what is left.
    for mut instance in running {
        drop(instance.stdin.take());
        instance.wait().await?;
    }
    Ok(())
}

/// Starts an instance, which ends when its standard input is closed.
fn start(name: &str, store: &Path, database: &str) -> Result<Child, Box<dyn Error>> {
    let child = Command::new(env::current_exe()?)
        .arg(name)
        .arg(store)
        .env(DATABASE, database)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}
