//! Encrypted connections, and passwords.

use tower_activity::store::{CentralStore, postgres::PostgresStore};

use crate::support::postgres::{PASSWORD, Server, programs};

#[test]
fn servers_are_verified_and_passwords_stay_secret() {
    let server = Server::start_secure(&programs());
    let url = server.database();
    let root = server.folder().join("ca.crt");
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", root.display());
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity AS a USING (pid) \
         WHERE ssl AND application_name <> 'psql' AND datname = 'test_0'";
    let count = || String::from_utf8(server.psql("test_0", encrypted).stdout).unwrap();
    for (address, is_encrypted) in [
        (&verified, "1\n"),
        (&verified.replace("127.0.0.1", "localhost"), "1\n"),
        (&format!("{url}?sslmode=require"), "1\n"),
        (&url, "0\n"),
    ] {
        let intake = PostgresStore::new(address).unwrap().intake().unwrap();
        assert_eq!(count(), is_encrypted, "{address}");
        drop(intake);
        while count() != "0\n" {
            std::thread::yield_now();
        }
    }
    for address in [
        // Mozilla does not know the root.
        format!("{url}?sslmode=verify-full"),
        // The certificate is for another name.
        verified.replace("127.0.0.1", "127.0.0.2"),
        verified.replace(PASSWORD, "wr0ng"),
        url.replace(&format!(":{PASSWORD}"), ""),
        format!("{url}?sslmode=verify-full&sslrootcert=/nowhere"),
    ] {
        let store = PostgresStore::new(&address).unwrap();
        let error = store.intake().map(drop).unwrap_err();
        let shown = format!("{error:?} {error} {store:?}");
        assert!(
            !shown.contains(PASSWORD) && !shown.contains("wr0ng"),
            "{shown}"
        );
    }
}
