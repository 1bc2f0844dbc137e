//! Tokens of the HTTP API: all servers of a centre accept the same.

use chrono::{Duration, Utc};
use tower_activity::store::{AccessToken, CentralStore, Store, postgres::PostgresStore};

use crate::support::postgres;

#[test]
fn tokens_are_those_of_the_store() {
    let url = postgres::database();
    let store = PostgresStore::new(&url).unwrap();
    // Creates the schema.
    drop(store.intake().unwrap());
    let mut maintenance = store.maintenance().unwrap();
    let now = chrono::SubsecRound::trunc_subsecs(Utc::now(), 6);
    let mut token = AccessToken::new("b", [7; 32], "project:acme", now);
    token.expires_at = Some(now + Duration::days(1));
    let other = AccessToken::new("a", [8; 32], "", now);
    assert!(maintenance.create_token(&token).unwrap());
    assert!(maintenance.create_token(&other).unwrap());
    // The name or the secret of another.
    for taken in [
        AccessToken::new("b", [9; 32], "", now),
        AccessToken::new("c", [7; 32], "", now),
    ] {
        assert!(!maintenance.create_token(&taken).unwrap());
    }
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.tokens().unwrap(), [other.clone(), token]);
    assert!(maintenance.revoke_token("b").unwrap());
    assert!(!maintenance.revoke_token("b").unwrap());
    assert_eq!(reader.tokens().unwrap(), [other]);
}
