//! A central store: its server checks its own pages, and each log is checked where it is recorded.

use super::{losses, report::Findings};
use crate::{failure::Failure, source};

const CHECKS: &str = "the rows are not compared with what was committed: run `activity doctor` for the file of each log, and `pg_amcheck` \
     for the database";

pub(super) fn examine(store: &str) -> Result<Findings, Failure> {
    let health = source::open(store)?.health()?;
    let mut findings = Findings {
        notes: losses::notes(&health),
        ..Findings::default()
    };
    findings.notes.push(CHECKS.to_owned());
    findings.health = Some(health);
    Ok(findings)
}
