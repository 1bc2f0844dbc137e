//! Commands at the address of a central store in ClickHouse.

use serde_json::Value;

use crate::{clickhouse_server, fixture::Fixture};

#[test]
fn a_file_is_forwarded_to_clickhouse_and_read_there() {
    let fixture = Fixture::with_calls();
    let url = clickhouse_server::database();
    let ran = fixture.run(&["forward", "--to", &url, "--once"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let prints = |store: &[&str], args: &[&str]| {
        let ran = fixture.run(&[args, store].concat());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    let records = |store: &[&str], args: &[&str]| -> Vec<Value> {
        let printed = prints(store, args);
        let each = printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut each: Vec<Value> = each.collect();
        // Its place in the commit order of one store.
        for one in each.iter_mut().filter_map(Value::as_object_mut) {
            one.remove("seq");
        }
        each
    };
    let address = ["--store", &*url];
    for args in [
        &["list", "--json"][..],
        &["list", "--json", "status:failed", "no such user"],
        &["list", "--json", "project:ACME"],
        &["stats", "--json"],
        &["stats", "--json", "--by", "name"],
        &["stats", "--json", "--by", "agent"],
        &["events", "--json"],
        &["export", "--format", "jsonl"],
    ] {
        let of_file = records(&[], args);
        assert_eq!(records(&address, args), of_file, "{args:?}");
    }
    assert_eq!(prints(&address, &["digest"]), prints(&[], &["digest"]));
    let refused = "in ClickHouse yet";
    for (args, error) in [
        (&["prune", "--older-than", "90d"][..], refused),
        (&["erase", "--actor", "Ann B"], refused),
        (&["rebuild"], refused),
        (&["retention", "--activities", "90d"], refused),
        (&["token", "create", "ann"], refused),
        (
            &["webhooks", "add", "ops", "http://127.0.0.1:9"],
            "a central store in PostgreSQL",
        ),
        (&["doctor"], "cannot check this store"),
        (&["backup", "copy.db"], "BACKUP DATABASE"),
    ] {
        let ran = fixture.run(&[args, &address].concat());
        assert_ne!(ran.code, Some(0), "{args:?}");
        assert!(ran.stderr.contains(error), "{args:?}: {}", ran.stderr);
    }
}
