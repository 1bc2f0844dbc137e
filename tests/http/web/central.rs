//! The API of a central store: all logs as one.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_activity::{
    ActivityLog, Describe, Outcome,
    forward::Forwarder,
    web::{Access, ActivityRouter},
};

use crate::{
    support::{poll_until, postgres},
    web::{
        live_client::LiveClient,
        support::{get, router},
    },
};

/// Logs that are forwarded to one central store.
struct Fleet {
    url: String,
    logs: Vec<ActivityLog>,
    _folder: TempDir,
}

impl Fleet {
    fn new(count: usize) -> Self {
        let (url, folder) = (postgres::database(), tempfile::tempdir().unwrap());
        let open = |n| {
            let log = ActivityLog::builder().forward_to(&*url);
            log.open(folder.path().join(format!("{n}.db"))).unwrap()
        };
        let logs = (0..count).map(open).collect();
        let fleet = Fleet {
            url,
            logs,
            _folder: folder,
        };
        // The first forwarder creates the schema.
        let count = count.to_string();
        poll_until(|| {
            let sql = "SELECT count(*) FROM tower_activity.log";
            let known = postgres::output(&fleet.url, sql).stdout;
            (String::from_utf8(known).unwrap().trim() == count).then_some(())
        });
        fleet
    }

    fn router(&self) -> Router {
        ActivityRouter::open(&self.url).unwrap().into()
    }

    fn query(&self, sql: &str) -> String {
        postgres::query(&self.url, sql)
    }
}

fn record(log: &ActivityLog, name: String) {
    log.start(Describe::tool(name)).end(Outcome::success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_header_names_the_file_or_the_database_and_its_logs() {
    let fleet = Fleet::new(2);
    let port = fleet.url.rsplit(':').next().unwrap();
    let central = get(&fleet.router(), "/api/store").await.json();
    assert_eq!(
        central,
        json!({"name": format!("postgres://127.0.0.1:{port}"), "host": null, "logs": {"known": 2, "alive": 2, "retired": 0}})
    );
    let file = get(&router(&fleet.logs[0]), "/api/store").await.json();
    assert_eq!(
        (&file["name"], &file["logs"]),
        (&json!("0.db"), &json!(null))
    );
    assert!(!file["host"].as_str().unwrap().is_empty());
    let limited = ActivityRouter::open(&fleet.url).unwrap();
    let limited: Router = limited.auth(|_| Access::projects(["acme"])).into();
    let limited = get(&limited, "/api/store").await.json();
    assert_eq!(limited, json!({"name": null, "host": null, "logs": null}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_lists_the_living_logs_and_counts_the_retired() {
    let fleet = Fleet::new(2);
    record(&fleet.logs[0], "a".into());
    let app = fleet.router();
    let health = async || get(&app, "/api/health").await.json();
    while health().await["activities"] != 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // One that was killed an hour ago, one of which the database refused something, and very many that are drained.
    fleet.query(
        "INSERT INTO tower_activity.log (id, host, heard_at, waiting, refused, outdated) VALUES \
           (gen_random_uuid(), 'killed', now() - interval '1 hour', 7, 0, 0), \
           (gen_random_uuid(), 'refused', now() - interval '3 days', 1, 2, 3); \
         INSERT INTO tower_activity.log (id, host, heard_at, refused) \
           SELECT gen_random_uuid(), 'retired', now() - interval '2 days', n / 20000 FROM generate_series(1, 20000) AS n; \
         INSERT INTO tower_activity.instance (uuid, log, host, pid, started_at, alive, accounting) \
           SELECT gen_random_uuid(), number, host, 1, number, true, CASE WHEN refused = 1 \
             THEN '{\"started\":5,\"committed\":3,\"rejected_memory\":2}' ELSE '{\"started\":1,\"committed\":1,\"rejected_memory\":0}' END \
           FROM tower_activity.log WHERE host = 'retired'; \
         INSERT INTO tower_activity.retention (kind, age) VALUES ('activities', 90 * 86400000000); ANALYZE",
    );
    let started = Instant::now();
    let health = health().await;
    let took = started.elapsed();
    let logs = &health["logs"];
    let counts = [
        "known", "alive", "retired", "waiting", "refused", "outdated",
    ];
    assert_eq!(
        json!(counts.map(|key| &logs[key])),
        json!([20_004, 2, 20_000, 8, 3, 3])
    );
    let list = logs["list"].as_array().unwrap();
    let column = |key: &str| json!(list.iter().map(|log| &log[key]).collect::<Vec<_>>());
    assert_eq!(column("alive"), json!([true, true, false, false]));
    assert_eq!(column("waiting"), json!([0, 0, 7, 1]));
    assert_eq!(column("refused"), json!([0, 0, 0, 2]));
    assert_eq!(column("outdated"), json!([0, 0, 0, 3]));
    // Nothing that is not measured is 0.
    let limits = [&health["retention"]["activities_s"], &health["growth"]];
    assert_eq!(json!(limits), json!([90 * 86_400, null]));
    // Instances: those of the logs that are listed, and one with losses.
    let instances = health["instances"].as_array().unwrap();
    let hosts: BTreeSet<_> = instances
        .iter()
        .map(|one| one["host"].as_str().unwrap())
        .collect();
    assert!(hosts.contains("retired"), "{hosts:?}");
    assert_eq!(instances.len(), 3, "{instances:?}");
    let ids = column("id");
    let of_list = |one: &&Value| ids.as_array().unwrap().contains(&one["log"]);
    assert_eq!(instances.iter().filter(of_list).count(), 2);
    // As quick as without them: a page asks every few seconds.
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_of_a_file_says_how_far_it_was_forwarded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("activity.db");
    let log = ActivityLog::open(&path).unwrap();
    record(&log, "a".into());
    log.flush().await.unwrap();
    let url = postgres::database();
    let target = url.clone();
    let forwarder = thread::spawn(move || {
        Forwarder::open(&path, &*target)
            .unwrap()
            .forward_all(|_| ())
    });
    forwarder.join().unwrap().unwrap();
    record(&log, "b".into());
    log.flush().await.unwrap();
    let health = get(&router(&log), "/api/health").await.json();
    let target = &health["targets"][0];
    assert_eq!(
        (
            &target["behind"],
            &target["error"],
            &target["lost_not_forwarded"]
        ),
        (&json!(1), &json!(null), &json!(0))
    );
    assert!(target["behind_since"].is_string());
    assert!(
        !target["name"]
            .as_str()
            .unwrap()
            .contains(postgres::PASSWORD)
    );
    assert_eq!(health["logs"], json!(null));
}

/// A batch of any log moves every position by more than a client may lag behind, in records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reconnects_gets_what_all_logs_have_recorded_meanwhile() {
    let fleet = Fleet::new(3);
    let app = fleet.router();
    let mut client = LiveClient::connect(&app, "/api/live", None).await;
    let (mut seen, mut last) = (BTreeSet::new(), None);
    let mut expected = BTreeSet::new();
    for round in 0..6 {
        for (n, log) in fleet.logs.iter().enumerate() {
            for call in 0..5 {
                let name = format!("{round} {n} {call}");
                record(log, name.clone());
                expected.insert(name);
            }
            log.event("step").summary(format!("{round} {n}")).record();
            expected.insert(format!("{round} {n}"));
            log.flush().await.unwrap();
        }
        while seen != expected {
            let message = client.next().await;
            let id = message.id.expect("a record that ended has an ID");
            assert!(id.len() < 1_000, "{id}");
            last = Some(id);
            let name = match message.event.as_str() {
                "activity" => &message.data["name"],
                "event" => &message.data["summary"],
                other => panic!("{other} in round {round}: {:?}", message.data),
            };
            assert!(
                seen.insert(name.as_str().unwrap().to_owned()),
                "twice: {name}"
            );
            // Once in the middle of a round.
            if round % 2 == 1 && seen.len() % 8 == 0 {
                break;
            }
        }
        drop(client);
        client = LiveClient::connect(&app, "/api/live", last.as_deref()).await;
    }
    while seen != expected {
        let message = client.next().await;
        let name = message.data.get("name").or(message.data.get("summary"));
        assert!(
            seen.insert(name.unwrap().as_str().unwrap().to_owned()),
            "twice: {name:?}"
        );
    }
}
