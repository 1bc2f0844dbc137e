//! Peers under the same faults: what is on record afterwards, what each counts as lost, its memory, and the effect on calls.
//!
//! Each peer runs under each fault in a process of its own, with its documented defaults, at 20,000 calls a second:
//! a full disk, a sink that never answers, a kill, a sink that takes a tenth of the records, cancelled calls, panics. The
//! disk is a small tmpfs in a mount namespace of this process. Arguments select peers and faults by name. `BENCH_SQLX` and
//! `BENCH_POSTHOG` are programs of peers that cannot be linked with the others; without one its peer is skipped.
//! `BENCH_QUICK=1` takes half a minute.
//!
//! It fails if a call is not answered as by the bare service under our layer, if one of ours is neither on record nor
//! counted, or if the record of a cancelled call or of a panic does not say so.
#![allow(missing_docs)]

mod child;
mod insert;
mod lines;
mod ours;
mod parent;
mod plan;
mod server;
mod sink;
mod table;

use std::{
    env,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use plan::Fault;

use crate::table::Row;

/// An error that ends a run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Set in the process with a mount namespace of its own.
const MOUNTS: &str = "BENCH_PEERS_MOUNTS";

/// A peer: its name, and the kind of its sink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) sink: sink::Kind,
    /// The environment variable with the program, if it is another one.
    pub(crate) program: Option<&'static str>,
}

const PEERS: [Peer; 7] = [
    Peer {
        name: OURS,
        title: "**tower-activity**",
        sink: sink::Kind::Log,
        program: None,
    },
    Peer {
        name: "tracing-appender",
        title: "tracing-appender, non-blocking",
        sink: sink::Kind::Lines,
        program: None,
    },
    Peer {
        name: "opentelemetry",
        title: "OpenTelemetry, batch processor",
        sink: sink::Kind::Lines,
        program: None,
    },
    Peer {
        name: "fastrace",
        title: "fastrace",
        sink: sink::Kind::Lines,
        program: None,
    },
    Peer {
        name: "insert-rusqlite",
        title: "an `INSERT` per request, rusqlite",
        sink: sink::Kind::Table,
        program: None,
    },
    Peer {
        name: "insert-sqlx",
        title: "an `INSERT` per request, sqlx",
        sink: sink::Kind::Table,
        program: Some("BENCH_SQLX"),
    },
    Peer {
        name: "posthog",
        title: "posthog-rs, MCP analytics",
        sink: sink::Kind::Server,
        program: Some("BENCH_POSTHOG"),
    },
];

/// The name of our own layer among the peers.
pub(crate) const OURS: &str = "tower-activity";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, peer, fault, folder, sink] = arguments.as_slice()
        && word == "peer"
    {
        return child(peer, fault, Path::new(folder), Path::new(sink));
    }
    let selected: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let chosen = |name: &str, all: &[&str]| {
        let of_these: Vec<_> = selected.iter().filter(|name| all.contains(name)).collect();
        of_these.is_empty() || of_these.iter().any(|of_these| **of_these == name)
    };
    let names = PEERS.map(|peer| peer.name);
    let faults = Fault::ALL.map(Fault::name);
    if let Some(unknown) = selected
        .iter()
        .find(|name| !names.contains(name) && !faults.contains(name))
    {
        return Err(
            format!("{unknown:?} is neither a peer nor a fault · {names:?} {faults:?}").into(),
        );
    }
    if env::var_os(MOUNTS).is_none() && chosen(Fault::DiskFull.name(), &faults) {
        in_mount_namespace();
        println!("this process may not mount a disk: `disk-full` is left out");
    }
    let mounts = env::var_os(MOUNTS).is_some();
    let mut rows = Vec::new();
    for fault in Fault::ALL {
        if !chosen(fault.name(), &faults) || fault == Fault::DiskFull && !mounts {
            continue;
        }
        for peer in &PEERS {
            if !chosen(peer.name, &names) {
                continue;
            }
            let Some(program) = program(peer)? else {
                continue;
            };
            eprintln!("{}, {}", peer.name, fault.name());
            let row = parent::run(peer, fault, &program)
                .map_err(|error| format!("{}, {}: {error}", peer.name, fault.name()))?;
            rows.push(row);
        }
    }
    table::print(&rows);
    let broken: Vec<String> = rows.iter().filter_map(Row::broken).collect();
    match broken.as_slice() {
        [] => Ok(()),
        broken => Err(broken.join("; ").into()),
    }
}

/// Runs this program again in a mount namespace of its own. Returns only if that is not allowed.
fn in_mount_namespace() {
    let root = rustix::process::geteuid().is_root();
    let unshare = || {
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !root {
            command.args(["--user", "--map-root-user"]);
        }
        command
    };
    let probe = unshare()
        .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .output();
    if probe.is_ok_and(|probe| probe.status.success())
        && let Ok(this) = env::current_exe()
    {
        let failed = unshare()
            .arg(this)
            .args(env::args().skip(1))
            .env(MOUNTS, "1")
            .exec();
        eprintln!("cannot run in a mount namespace: {failed}");
    }
}

/// Returns the program of a peer; `None` if it is not given.
fn program(peer: &Peer) -> Result<Option<PathBuf>, Failure> {
    let Some(variable) = peer.program else {
        return Ok(Some(env::current_exe()?));
    };
    let program = env::var_os(variable).map(PathBuf::from);
    if program.is_none() {
        eprintln!("{} is skipped: {variable} is not set", peer.name);
    }
    Ok(program)
}

/// The process of a peer.
fn child(peer: &str, fault: &str, folder: &Path, sink: &Path) -> Result<(), Failure> {
    child::run(fault, folder, sink, |place, _| match peer {
        OURS => ours::ours(&place),
        "tracing-appender" => lines::appender(&place),
        "opentelemetry" => lines::opentelemetry(&place),
        "fastrace" => lines::fastrace(&place),
        "insert-rusqlite" => insert::rusqlite(&place),
        other => Err(format!("there is no peer {other:?} in this program").into()),
    })
}
