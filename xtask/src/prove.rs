//! Long runs of tests that prove a promise, and print figures.

use std::{path::PathBuf, time::Duration};

use crate::{
    clickhouse, debian, fuzz, pages, postgres, prove_all,
    run::{self, Result, cargo, root, run},
    servers::{self, Pairs},
    sqlite, strace, suites, versions,
};

/// A promise whose proof takes longer than a test run may.
struct Proof {
    name: &'static str,
    promise: &'static str,
    run: fn() -> Result,
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "foreign-clients",
        promise: "acts of SQLite clients beside a writer lose no row that was acknowledged",
        run: foreign_clients,
    },
    Proof {
        name: "kills",
        promise: "a process that is killed at any write loses nothing that was acknowledged, and the next one continues",
        run: || at_every_write("kills::", "ACTIVITY_TEST_KILLS_AT"),
    },
    Proof {
        name: "power-loss",
        promise: "a machine that loses power at any moment keeps each durable call that was answered, and a log that is intact",
        run: || at_every_write("power_loss::", "ACTIVITY_TEST_POWER_LOSS"),
    },
    Proof {
        name: "torn",
        promise: "a log with any page damaged and a WAL cut anywhere is read or refused, never deleted",
        run: torn,
    },
    Proof {
        name: "versions",
        promise: "processes of two versions use one file at once and lose nothing; an earlier schema is migrated once no process records into it",
        run: versions::versions,
    },
    Proof {
        name: "soak",
        promise: "memory, descriptors, threads, the file and its write-ahead log do not grow with time, and everything is forwarded",
        run: soak,
    },
    Proof {
        name: "suites",
        promise: "the tests of axum and rmcp have the same results with a layer or wrapper around what they serve",
        run: suites::suites,
    },
    Proof {
        name: "tapped",
        promise: "the tests of rmcp 2 and pmcp over HTTP have the same results with the layer that reads what passes around their servers",
        run: suites::tapped,
    },
    Proof {
        name: "servers",
        promise: "clients of MCP servers get the same answers and bytes through a proxy, and exactly their calls are on record",
        run: || servers::servers(Pairs::All),
    },
    Proof {
        name: "proxy",
        promise: "a proxy passes all bytes of gigabytes in bounded memory, on a full disk and without a home, eight share a store, what is on record after a kill is true; how long a message takes",
        run: proxy,
    },
    Proof {
        name: "postgres",
        promise: "a central store answers like the reference store in the newest PostgreSQL, too, and logs are forwarded to it",
        run: postgres::newest,
    },
    Proof {
        name: "fleet",
        promise: "a million records of three processes are in a central store once, whatever fails and is killed meanwhile",
        run: || forward("fleet::", "ACTIVITY_TEST_FLEET", "1000000"),
    },
    Proof {
        name: "clickhouse",
        promise: "a central store in ClickHouse's engine answers like the reference store, and counts a million records exactly, whatever is cut, killed and sent twice",
        run: clickhouse::prove,
    },
    Proof {
        name: "identity",
        promise: "copies, backups, kills and prunes of forwarded files, in any order, leave each record in a central store once",
        run: || forward("sequences::", "ACTIVITY_TEST_SEQUENCES", "64"),
    },
    Proof {
        name: "dashboard-postgres",
        promise: "the dashboard's tests have the same results for a central store in PostgreSQL as for a file",
        run: postgres::dashboard,
    },
    Proof {
        name: "dashboard-clickhouse",
        promise: "the dashboard's tests have the same results for a central store in ClickHouse's engine as for a file",
        run: clickhouse::dashboard,
    },
    Proof {
        name: "peers",
        promise: "under a full disk, a stuck sink, kills, overload, cancelled calls and panics every call is on record or counted, beside what the peers do",
        run: peers,
    },
    Proof {
        name: "fuzz",
        promise: "no foreign bytes make what reads them panic, take more than linear time, or differ from what was written",
        run: || fuzz::fuzz(Duration::from_secs(600)),
    },
    Proof {
        name: "redaction-time",
        promise: "a mebibyte of any unit or mixture of tokens is redacted in 50 ms, and eight times as much in 12 times that",
        run: redaction_time,
    },
];

/// Minutes for which sequences of acts are tried, unless `ACTIVITY_TEST_FOREIGN_MINUTES` is set.
const MINUTES: (&str, &str) = ("ACTIVITY_TEST_FOREIGN_MINUTES", "20");

/// The package with the tests of a process from outside.
const COMMAND: [&str; 2] = ["--package", "activity-cli"];

/// Lists what can be proved.
pub(crate) fn list() {
    for proof in PROOFS {
        anstream::println!("{}  {}", run::bold(proof.name), proof.promise);
    }
}

/// Proves the promise of this name, or all of them, three times each.
///
/// # Errors
///
/// If there is no promise of this name, or it does not hold.
pub(crate) fn prove(name: Option<&str>) -> Result {
    let Some(name) = name else {
        let named: Vec<_> = PROOFS
            .iter()
            .map(|proof| (proof.name, proof.promise))
            .collect();
        return prove_all::prove_all(&named);
    };
    let named = PROOFS.iter().find(|proof| proof.name == name);
    let proof = named
        .ok_or_else(|| format!("no such proof: {name:?}, `cargo xtask prove list` lists them"))?;
    (proof.run)()?;
    anstream::eprintln!("{} {}: {}", run::good("✓"), proof.name, proof.promise);
    Ok(())
}

/// Tries every act by every client, and every pair of consecutive acts.
fn foreign_clients() -> Result {
    if cfg!(target_os = "linux") {
        debian::ensure(&[sqlite::CLIENTS])?;
    }
    pages::pages()?;
    let mut tests = run::tests(&COMMAND, "faults", &["foreign_clients::"]);
    let (name, minutes) = MINUTES;
    if std::env::var_os(name).is_none() {
        tests.env(name, minutes);
    }
    run(&mut tests)
}

/// Kills a process, or loses power, at every system call that writes, for each kind of work on a log.
fn at_every_write(tests: &str, variable: &str) -> Result {
    if cfg!(target_os = "linux") {
        debian::ensure(&[strace::STRACE])?;
    }
    pages::pages()?;
    let mut tests = run::tests(&COMMAND, "faults", &[tests]);
    run(tests.env(variable, "every"))
}

/// Damages every page in every way, and truncates the WAL around every frame.
fn torn() -> Result {
    let mut tests = run::tests(&COMMAND, "torn", &[]);
    pages::pages()?;
    run(tests.env("ACTIVITY_TEST_TORN", "full"))
}

/// Reads damaged conversations, kills the processes around a proxy, sends it gigabytes, fills its disk, takes its home away, and runs
/// eight at once; then measures the time per message and the rate of 1 GB.
fn proxy() -> Result {
    pages::pages()?;
    run(run::tests(&["--workspace"], "mcp", &["wire"]).env("PROPTEST_CASES", "1000"))?;
    let mut tests = run::tests(&["--workspace"], "cli", &["proxy"]);
    tests.env("ACTIVITY_TEST_PROXY_KILLS", "99");
    tests.env("ACTIVITY_TEST_PROXY_CALLS", "5000");
    run(tests.env("ACTIVITY_TEST_PROXY_MEGABYTES", "256"))?;
    run(&mut cargo(&[
        "bench",
        "--package",
        "benches",
        "--bench",
        "proxy",
    ]))
}

/// Runs a test of forwarding at its full length, unless the variable is set.
fn forward(test: &str, variable: &str, length: &str) -> Result {
    debian::ensure(&[postgres::POSTGRESQL])?;
    pages::pages()?;
    let mut tests = run::tests(&["--workspace"], "forward", &[test]);
    if std::env::var_os(variable).is_none() {
        tests.env(variable, length);
    }
    run(&mut tests)
}

/// Redacts a mebibyte of each of many adversarial inputs.
fn redaction_time() -> Result {
    run(&mut cargo(&[
        "bench",
        "--package",
        "benches",
        "--bench",
        "redact",
        "--",
        "--slowest",
    ]))
}

/// Runs calls, readers, pruning, forwarding and restarts for half an hour, unless `BENCH_SECONDS` is set.
fn soak() -> Result {
    debian::ensure(&[postgres::POSTGRESQL])?;
    let mut bench = cargo(&[
        "bench",
        "--package",
        "benches",
        "--features",
        "soak",
        "--bench",
        "soak",
    ]);
    let (name, seconds) = ("BENCH_SECONDS", "1800");
    if std::env::var_os(name).is_none() {
        bench.env(name, seconds);
    }
    bench.env("BENCH_CHART", root().join("target/soak.svg"));
    run(&mut bench)
}

/// Runs each peer under each fault. Two of them are programs of their own.
fn peers() -> Result {
    let build = |name: &str| -> Result<PathBuf> {
        let manifest = format!("--manifest-path=benches/{name}/Cargo.toml");
        let target = root().join("target/peers");
        let mut cargo = cargo(&["build", "--release", &manifest]);
        run(cargo.env("CARGO_TARGET_DIR", &target))?;
        Ok(target.join("release"))
    };
    let sqlx = build("sqlx")?.join("insert-sqlx");
    let posthog = build("posthog")?.join("peer-posthog");
    let mut bench = cargo(&["bench", "--package", "benches", "--bench", "peers"]);
    run(bench.env("BENCH_SQLX", sqlx).env("BENCH_POSTHOG", posthog))
}
