//! Rows that wait to be moved into the index of words are moved.

use chrono::Utc;
use tower_activity::store::{CentralStore, postgres::PostgresStore};

use super::{Log, activity};
use crate::support::postgres;

/// Moves them, and returns the number of pages that they had.
const PENDING: &str = "SELECT sum(gin_clean_pending_list(c.oid)) FROM pg_class AS c JOIN pg_am AS a ON a.oid = c.relam \
     WHERE c.relnamespace = 'tower_activity'::regnamespace AND c.relkind = 'i' AND a.amname = 'gin'";

fn pending(url: &str) -> u64 {
    postgres::query(url, PENDING).trim().parse().unwrap()
}

#[test]
fn the_index_of_words_is_cleaned_when_an_intake_connects() {
    let url = postgres::database();
    let mut log = Log::connect(&url, 1);
    let now = Utc::now();
    log.send(vec![activity(now, 1)], Vec::new());
    assert!(pending(&url) > 0);
    log.send(vec![activity(now, 2)], Vec::new());
    drop(PostgresStore::new(&url).unwrap().intake().unwrap());
    assert_eq!(pending(&url), 0);
}
