//! Three servers that forward their files to one PostgreSQL, and their page.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Server,
    systems::{get, tell},
};
use crate::{
    debian,
    postgres::POSTGRESQL,
    run::{self, Result},
};

/// The page's port, if it is free.
const PAGE: u16 = 8790;
/// The instances, which are the environments of their records.
const INSTANCES: [&str; 3] = ["north", "south", "west"];
/// Timeout until the page shows all of them: the server of the database is created first.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(200);

/// Starts the fleet, and checks that its page shows what all instances did. `None` if no PostgreSQL can be had.
///
/// # Errors
///
/// If it does not start, or the page lacks an instance.
pub(super) fn start() -> Result<Option<Server>> {
    if let Err(missing) = debian::ensure(&[POSTGRESQL]) {
        anstream::println!(
            "  {} left out: several machines, one record · {missing}",
            run::dim("-")
        );
        return Ok(None);
    }
    let program = run::built()?.join("fleet");
    let fleet = Server::start("fleet", PAGE, &program, &[], "")?;
    match shows_all(&fleet.url) {
        Ok(()) => {}
        Err(error) => {
            // It stops its database.
            fleet.stop()?;
            return Err(error);
        }
    }
    tell("three servers forwarded their files to one PostgreSQL: one page shows all of them");
    Ok(Some(fleet))
}

/// Waits until a page shows requests of all instances.
fn shows_all(page: &str) -> Result {
    let deadline = Instant::now() + SHOWN_WITHIN;
    for name in INSTANCES {
        let count = loop {
            let count = served(page, name)?;
            if count > 0 || Instant::now() > deadline {
                break count;
            }
            thread::sleep(POLL);
        };
        if count == 0 {
            return Err(format!("the fleet's page shows nothing of {name}").into());
        }
    }
    Ok(())
}

/// Returns how many requests of an instance a page shows: none before the first forwarder has created what it reads.
fn served(page: &str, name: &str) -> Result<usize> {
    let Ok(found) = get(page, &format!("/api/activities?q=kind:http%20env:{name}")) else {
        return Ok(0);
    };
    let found: Value = serde_json::from_str(&found)?;
    Ok(found["activities"].as_array().map_or(0, Vec::len))
}
