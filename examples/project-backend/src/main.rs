//! A story: ann builds a shop, and her back end's log is locked for a while. Nothing is lost: records wait in memory.
//!
//! `cargo run -p project-backend`. The store is `ACTIVITY_STORE` [default: `activity.db`], the folder `PROJECTS`
//! [default: `projects`]. `cargo run -p project-backend flood` sets a memory limit that is too small meanwhile: records that
//! do not fit are rejected and counted.

use std::{env, error::Error, fs, path::Path, process, process::Command};

use chrono::Utc;
use project_backend::{Backend, Caller, Endpoint};
use rusqlite::Connection;
use tower_activity::ActivityLog;

/// How many queries bob's project answers meanwhile.
const QUERIES: usize = 20;
/// The same with `flood`: more than fit into its memory.
const FLOOD_QUERIES: usize = 500;
/// The log's memory limit with `flood`.
const FLOOD_MEMORY: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let store = env::var("ACTIVITY_STORE").unwrap_or_else(|_| "activity.db".into());
    let folder = env::var("PROJECTS").unwrap_or_else(|_| "projects".into());
    let mut builder = ActivityLog::builder();
    let mut queries = QUERIES;
    if env::args().nth(1).as_deref() == Some("flood") {
        builder = builder.memory_limit(FLOOD_MEMORY);
        queries = FLOOD_QUERIES;
    }
    let log = builder.open(&store)?;
    let backend = Backend::new(&log, &folder);

    let (shop, load) = (name("shop"), name("load"));
    let ann = caller("ann");
    let remote = repository(Path::new(&folder), &shop)?;
    backend.create_project(&ann, &shop)?;
    backend.run_queries(
        &ann,
        &shop,
        &[
            "CREATE TABLE item (name TEXT, price REAL)",
            "CREATE TABLE sold (item TEXT, at TEXT)",
            "INSERT INTO item VALUES ('tea', 2.5), ('cup', 4)",
            "SELECT item.name, count(*) FROM item JOIN sold ON sold.item = item.name GROUP BY 1",
        ],
    )?;
    backend.add_endpoints(
        &ann,
        &shop,
        &[
            endpoint("GET /items", "SELECT name, price FROM item"),
            endpoint("GET /sold", "SELECT item, at FROM sold"),
        ],
    )?;
    let other = [endpoint("GET /items", "SELECT * FROM item ORDER BY name")];
    backend.modify_endpoints(&ann, &shop, &other)?;
    backend.add_endpoints(&ann, &shop, &[])?;
    println!("ann has built {shop}");

    log.flush().wait()?;
    let lock = Lock::take(&store)?;
    println!("\nfrom here on the log cannot be written");
    backend.add_endpoints(
        &ann,
        &shop,
        &[
            endpoint("GET /items/cheap", "SELECT name FROM item WHERE price < 3"),
            endpoint("GET /sold/count", "SELECT count(*) FROM sold"),
            endpoint("GET /sold/last", "SELECT max(at) FROM sold"),
        ],
    )?;
    println!("ann has added 3 endpoints");
    let bob = caller("bob");
    backend.create_project(&bob, &load)?;
    for _ in 0..queries {
        backend.run_queries(&bob, &load, &["SELECT 1"])?;
    }
    println!("bob's project has answered {queries} queries");
    lock.give_back()?;
    log.flush().wait()?;
    let counts = log.accounting();
    println!(
        "the log can be written again: {} records did not fit into its memory",
        counts.activities.rejected() + counts.events.rejected()
    );

    println!();
    backend.push(&ann, &shop, &remote)?;
    match backend.push(&ann, &shop, Path::new("/nowhere")) {
        Ok(_) => return Err("the push to a missing remote succeeded".into()),
        Err(_) => println!("ann has pushed twice; one push failed: no such remote"),
    }
    let version = backend.deploy(&ann, &shop)?;
    println!("ann has put version {version} into production");

    log.flush().wait()?;
    let console = backend.console();
    println!("\nwhat ann sees of {shop}:");
    let events = console.timeline("ann", &shop, "", Utc::now(), None, 100)?;
    for event in &events.records {
        println!(
            "  {:<19}{:<9}{:<13}{}",
            event.event_type,
            event.status,
            event.scope.environment.as_deref().unwrap_or_default(),
            event.summary.as_deref().unwrap_or_default()
        );
    }
    match console.timeline("bob", &shop, "", Utc::now(), None, 100) {
        Ok(_) => return Err("bob sees ann's project".into()),
        Err(error) => println!("what bob sees of it: {error}"),
    }
    for zone in ["UTC", "Asia/Kathmandu"] {
        let text = console.today_text("ann", &shop, zone.parse()?, Utc::now())?;
        println!("\n{zone}:\n{text}");
    }
    let counts = log.shutdown().wait()?;
    println!(
        "{} activities and {} events are committed; {} and {} were rejected or lost",
        counts.activities.committed,
        counts.events.committed,
        counts.activities.rejected() + counts.activities.lost(),
        counts.events.rejected() + counts.events.lost(),
    );
    Ok(())
}

fn caller(user: &str) -> Caller {
    Caller {
        user: user.into(),
        request: Some(format!("console-{}", process::id())),
    }
}

fn endpoint<'a>(route: &'a str, sql: &'a str) -> Endpoint<'a> {
    Endpoint { route, sql }
}

/// A name that no earlier run has used.
fn name(of: &str) -> String {
    format!("{of}-{}", process::id())
}

/// An empty git repository, in the place of one that is far away.
fn repository(folder: &Path, name: &str) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let path = std::path::absolute(folder.join(format!("{name}.git")))?;
    fs::create_dir_all(&path)?;
    let made = Command::new("git")
        .args(["init", "--quiet", "--bare"])
        .arg(&path)
        .env_remove("GIT_DIR")
        .status()?;
    match made.success() {
        true => Ok(path),
        false => Err(format!("git cannot make the repository {}", path.display()).into()),
    }
}

/// A lock on a log's file that keeps other connections from writing.
struct Lock(Connection);

impl Lock {
    fn take(store: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(store)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Lock(connection))
    }

    fn give_back(self) -> rusqlite::Result<()> {
        self.0.execute_batch("ROLLBACK")
    }
}
