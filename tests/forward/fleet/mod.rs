//! Three processes record and forward to one server, while everything around them fails.
//!
//! The test runs itself again as each of these processes. `ACTIVITY_TEST_FLEET` is the number of records (default 6,000); with more
//! than a few, faults last as long as in real life, and come until everything was recorded.

mod member;
mod watch;

use std::{
    fmt::Write,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tower_activity::forward::Forwarder;

use self::{member::Member, watch::Watchers};
use crate::{
    compare::{assert_same, central, file},
    support::{
        postgres::{self, Server},
        proxy::{Network, Proxy},
    },
};

const PROCESSES: usize = 3;
/// What a call records: two activities and an event.
const RECORDS: usize = 3;

/// A process that records and forwards, and is started again when it is killed.
struct Process {
    member: Member,
    child: Child,
    kills: u32,
    is_done: bool,
}

impl Process {
    fn start(member: Member) -> Self {
        Process {
            child: spawn(&member),
            member,
            kills: 0,
            is_done: false,
        }
    }

    /// Starts it again if it was killed.
    fn look(&mut self) {
        if !self.is_done
            && let Some(status) = self.child.try_wait().unwrap()
        {
            assert!(status.success(), "{:?}: {status}", self.member);
            self.is_done = true;
        }
    }

    fn kill(&mut self) {
        self.look();
        if !self.is_done {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            self.kills += 1;
            self.child = spawn(&self.member);
        }
    }
}

fn spawn(member: &Member) -> Child {
    let name = "fleet::three_processes_are_one_record_whatever_fails";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(member::MEMBER, serde_json::to_string(member).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// A fault, and how long it lasts as a multiple of the unit.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Network(Network),
    Stop(&'static str),
    Freeze,
    Kill,
}

const FAULTS: [Fault; 9] = [
    Fault::Kill,
    Fault::Network(Network::Cut),
    Fault::Stop("fast"),
    Fault::Kill,
    Fault::Network(Network::Slow(100_000, Duration::from_millis(20))),
    Fault::Stop("immediate"),
    Fault::Network(Network::Silent),
    Fault::Freeze,
    Fault::Kill,
];

#[test]
fn three_processes_are_one_record_whatever_fails() {
    if let Ok(member) = std::env::var(member::MEMBER) {
        return serde_json::from_str::<Member>(&member).unwrap().run();
    }
    let records = std::env::var("ACTIVITY_TEST_FLEET").ok();
    let records: usize = records.map_or(6_000, |records| records.parse().unwrap());
    let is_long = records > 100_000;
    let (unit, pace) = match is_long {
        true => (Duration::from_secs(10), 800),
        false => (Duration::from_millis(400), 100),
    };
    let seed = std::env::var("ACTIVITY_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ACTIVITY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let folder = tempfile::tempdir().unwrap();
    let server = postgres::server();
    let url = server.database();
    let proxy = Proxy::start(&url);
    let member = |number: usize, target: Option<String>| Member {
        path: folder.path().join(format!("machine-{number}.db")),
        target,
        calls: records / RECORDS / PROCESSES,
        pace,
        // The clock of the last one is a day ahead.
        is_ahead: number == PROCESSES - 1,
    };
    // What calls take without forwarding.
    let alone = Member {
        calls: (2 * pace).min(records),
        ..member(PROCESSES, None)
    };
    assert!(spawn(&alone).wait().unwrap().success());
    let target = proxy.address(&url, "tcp_user_timeout=2&connect_timeout=1");
    let start = Instant::now();
    let watchers = Watchers::start(&url);
    let mut fleet: Vec<_> = (0..PROCESSES)
        .map(|number| Process::start(member(number, Some(target.clone()))))
        .collect();
    let mut happened = String::new();
    for (round, fault) in FAULTS.iter().cycle().enumerate() {
        if round >= FAULTS.len() && fleet.iter().all(|one| one.is_done) {
            break;
        }
        write!(happened, " {fault:?}").unwrap();
        let duration = unit.mul_f64(0.5 + 2.5 * random.f64());
        fail(*fault, &server, &proxy, &mut fleet, duration, &mut random);
        std::thread::sleep(unit / 2);
        fleet.iter_mut().for_each(Process::look);
    }
    for one in &mut fleet {
        assert!(one.is_done || one.child.wait().unwrap().success());
    }
    let recorded = start.elapsed();
    // The kills and shutdowns have left something in the files.
    let files: Vec<PathBuf> = fleet.iter().map(|one| one.member.path.clone()).collect();
    for path in &files {
        let mut forwarder = Forwarder::open(path, &*target).unwrap();
        let done = forwarder.forward_all(|_| ()).unwrap();
        assert_eq!(done.forwarded, done.records);
    }
    let caught_up = start.elapsed() - recorded;
    println!("faults:{happened}");
    let kills: u32 = fleet.iter().map(|one| one.kills).sum();
    let followed = watchers.finish();
    check(&server, &url, &files, &followed, records);
    let committed = followed.len();
    println!(
        "{committed} records in {recorded:.1?} ({:.0}/s), {kills} kills; then caught up in {caught_up:.1?}",
        committed as f64 / recorded.as_secs_f64()
    );
    let with: Vec<u32> = files
        .iter()
        .flat_map(|path| member::durations(path))
        .collect();
    let [without, with] = [member::durations(&alone.path), with].map(percentiles);
    println!(
        "a call takes p50, p99 (ns): {without:?} without forwarding, {with:?} with it and all faults"
    );
    // The machine does much else meanwhile.
    assert!(with[1] < 20 * without[1] + 2_000_000);
}

fn percentiles(mut durations: Vec<u32>) -> [u32; 2] {
    durations.sort_unstable();
    let last = durations.len() - 1;
    [last / 2, last * 99 / 100].map(|at| durations[at])
}

fn fail(
    fault: Fault,
    server: &Server,
    proxy: &Proxy,
    fleet: &mut [Process],
    duration: Duration,
    random: &mut fastrand::Rng,
) {
    match fault {
        Fault::Network(network) => {
            proxy.set(network);
            std::thread::sleep(duration);
            proxy.set(Network::Open);
        }
        Fault::Stop(mode) => {
            server.stop(mode);
            std::thread::sleep(duration);
            server.start_again();
        }
        Fault::Freeze => {
            server.freeze();
            std::thread::sleep(duration);
            server.thaw();
        }
        Fault::Kill => {
            let number = random.usize(..fleet.len());
            fleet[number].kill();
            std::thread::sleep(duration / 2);
            let number = random.usize(..fleet.len());
            fleet[number].kill();
        }
    }
}

/// Compares what is at the server with the files, and its sums with its records.
fn check(server: &Server, url: &str, files: &[PathBuf], followed: &[String], records: usize) {
    let query = |query: &str| {
        let output = server.psql("test_0", query);
        assert!(output.status.success(), "{query}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let count = |table: &str| {
        let count = query(&format!("SELECT count(*) FROM tower_activity.{table}"));
        count.parse::<usize>().unwrap()
    };
    assert_eq!(followed.len(), count("activity") + count("event"));
    let mut once = followed.to_vec();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), followed.len(), "followers saw some twice");
    if records <= 100_000 {
        let together = files.iter().flat_map(|path| file(path)).collect();
        assert_same(&together, &central(url));
    } else {
        let mut expected = watch::ids_of(files);
        expected.sort_unstable();
        assert!(
            expected == once,
            "{} in files, {} found",
            expected.len(),
            once.len()
        );
    }
    assert_eq!(count("log"), files.len(), "each was one log throughout");
    assert_eq!(query(SUMS), "");
    assert_eq!(query(QUARTERS_OF_AGENTS), "");
    let agents = query("SELECT count(DISTINCT agent) FROM tower_activity.agent_quarter");
    assert_eq!(agents, member::AGENTS.to_string());
}

/// Sums that differ from a recount.
const SUMS: &str = "WITH one AS (SELECT started_at / 900000000 AS quarter, status = 2 AS failed, \
       unnest(ARRAY[0, 1, 2, 4]::smallint[]) AS scope, unnest(ARRAY[0, project, name, agent]) AS scope_id, duration_ns \
       FROM tower_activity.activity), \
     counted AS (SELECT scope, scope_id, quarter, count(*), count(*) FILTER (WHERE failed) AS failed, sum(duration_ns)::bigint \
       FROM one WHERE scope_id IS NOT NULL GROUP BY 1, 2, 3), \
     folded AS (SELECT scope, scope_id, quarter, count, failed, sum_ns FROM tower_activity.bucket) \
     (TABLE counted EXCEPT TABLE folded) UNION ALL (TABLE folded EXCEPT TABLE counted)";
/// The same for agents, each of which works on all machines.
const QUARTERS_OF_AGENTS: &str = "WITH counted AS (SELECT agent, started_at / 900000000 AS quarter, count(*), \
       count(*) FILTER (WHERE parent IS NULL) AS roots, min(started_at) FILTER (WHERE parent IS NULL) AS first_root, \
       max(started_at) FILTER (WHERE parent IS NULL) AS last_root \
       FROM tower_activity.activity WHERE agent IS NOT NULL GROUP BY 1, 2), \
     folded AS (SELECT agent, quarter, active, roots, first_root, last_root FROM tower_activity.agent_quarter WHERE scope_id = 0) \
     (TABLE counted EXCEPT TABLE folded) UNION ALL (TABLE folded EXCEPT TABLE counted)";
