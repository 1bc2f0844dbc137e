//! A central store in ClickHouse.

mod batches;

use crate::support::clickhouse;

/// The tests' server answers as the engine's own does: only then do the other tests count.
#[test]
fn the_official_client_works_with_the_server() {
    let mut client = clickhouse::python("client.py");
    let output = client.arg(clickhouse::port().to_string()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(output.stdout, b"ok\n");
}
