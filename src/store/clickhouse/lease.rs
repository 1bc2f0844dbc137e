//! Leases: who may write. The engine has no locks.
//!
//! A holder first writes its claim and then reads those of others, so of two that claim at once at most one sees none. A statement that
//! must not come too late asks itself for the lease, by the server's clock, and is ended long before another could have taken it.

use std::time::{Duration, Instant};

use super::{
    client::{Client, INTAKE_TIMEOUT, Statement},
    row_binary::{RowReader, RowWriter},
};
use crate::error::{Error, ErrorKind, Result};

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(3);
const CLAIM: &str = "INSERT INTO lease (name, holder, released) FORMAT RowBinary";
const OTHERS: &str = "SELECT count() FROM lease WHERE name = {name:UInt128} AND holder <> {holder:UInt128} AND NOT released \
     AND heard_at > now64(6) - INTERVAL 10 SECOND";
/// True while the lease is held. For statements that [`fenced`] ends in time.
macro_rules! is_held {
    () => {
        "(SELECT count() FROM lease WHERE name = {name:UInt128} AND holder = {holder:UInt128} AND NOT released \
           AND heard_at > now64(6) - INTERVAL 10 SECOND) = 1"
    };
}
pub(super) use is_held;

/// The lease of a log, or another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    name: u128,
    holder: u128,
    renewed_at: Instant,
}

impl Lease {
    /// Takes a lease.
    ///
    /// # Errors
    ///
    /// `is_busy` if another holder has it.
    pub(super) fn take(client: &Client, name: u128, holder: u128) -> Result<Self> {
        let mut lease = Lease {
            name,
            holder,
            renewed_at: Instant::now(),
        };
        lease.claim(client)?;
        Ok(lease)
    }

    /// Renews it if that is due.
    ///
    /// # Errors
    ///
    /// `is_busy` if it was lost.
    pub(super) fn renew(&mut self, client: &Client) -> Result<()> {
        match self.renewed_at.elapsed() < RENEWAL {
            true => Ok(()),
            false => self.claim(client),
        }
    }

    fn claim(&mut self, client: &Client) -> Result<()> {
        self.check(client)?;
        let claimed_at = Instant::now();
        self.write(client, false)?;
        if let Err(error) = self.check(client) {
            self.write(client, true)?;
            return Err(error);
        }
        self.renewed_at = claimed_at;
        Ok(())
    }

    /// Gives it back.
    pub(super) fn release(self, client: &Client) -> Result<()> {
        self.write(client, true)
    }

    /// Returns a statement with the condition `is_held!`, which ends in time.
    pub(super) fn fenced(&self, statement: Statement) -> Statement {
        statement
            .with("name", &self.name)
            .with("holder", &self.holder)
            .set("max_execution_time", 5)
            .reading()
    }

    fn write(&self, client: &Client, released: bool) -> Result<()> {
        let mut row = RowWriter::default();
        row.add(self.name).add(self.holder).add(released);
        // Each is a row of its own, however soon.
        let token = format!("{:032x}", fastrand::u128(..));
        client.insert(&Statement::new(CLAIM).inserting(&token), &row)
    }

    fn check(&self, client: &Client) -> Result<()> {
        let others = Statement::new(OTHERS)
            .with("name", &self.name)
            .with("holder", &self.holder);
        let answer = client.query(&others.reading(), INTAKE_TIMEOUT)?;
        match RowReader::new(&answer).next::<u64>()? {
            0 => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Busy,
                format!(
                    "another forwarder holds the log {}",
                    uuid::Uuid::from_u128(self.name)
                ),
            )),
        }
    }
}
