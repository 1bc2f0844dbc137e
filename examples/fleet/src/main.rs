//! Three web servers that record into a file each and forward it to one PostgreSQL database, and one page for all of them.
//!
//! ```text
//! DATABASE_URL=postgres://activity@db.internal/ops fleet
//! ```
//!
//! Each server is a process of its own with a file of its own, as if it ran on another machine. Stop the database for a while: the
//! servers answer as before, and what they recorded meanwhile arrives later.

mod instance;

use std::{env, error::Error, path::Path, process::Stdio};

use tokio::process::{Child, Command};
use tower_activity::{
    ActivityLog,
    web::{ActivityRouter, Server},
};

const INSTANCES: [&str; 3] = ["north", "south", "west"];
/// Where the page for all instances is served.
const PAGE: &str = "127.0.0.1:8790";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = env::var("DATABASE_URL")
        .map_err(|_| "set DATABASE_URL to the address of a PostgreSQL database, 15 or newer")?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => fleet(&database).await,
        [name, store] => {
            let log = ActivityLog::builder()
                .environment(name.clone())
                .forward_to(database.as_str())
                .open(Path::new(store))?;
            instance::run(name, &log).await?;
            println!("{name}: {}", log.shutdown().await?);
            Ok(())
        }
        _ => Err("usage: fleet [NAME STORE]".into()),
    }
}

/// Starts all instances, and serves the page until ctrl-c.
async fn fleet(database: &str) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut running = Vec::new();
    for name in INSTANCES {
        running.push(start(name, &folder.path().join(format!("{name}.db")))?);
    }
    let server = Server::bind(PAGE, ActivityRouter::open(database)?).await?;
    println!("all instances: http://{}/", server.address());
    tokio::select! {
        () = server.run() => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    // They were interrupted, too, and forward what is left.
    for mut instance in running {
        instance.wait().await?;
    }
    Ok(())
}

fn start(name: &str, store: &Path) -> Result<Child, Box<dyn Error>> {
    let child = Command::new(env::current_exe()?)
        .arg(name)
        .arg(store)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}
