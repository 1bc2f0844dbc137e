//! The table of all peers under all faults.

use crate::{Failure, OURS, Peer, plan::Fault};

/// The calls during a fault: those not answered as by the bare service, their times in nanoseconds, and the peak of memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calls {
    pub(crate) unanswered: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) longest: f64,
    pub(crate) peak: f64,
}

impl Calls {
    /// Parses a child's line. Returns the number of calls, too.
    pub(crate) fn parse(line: &str) -> Result<(u64, Self), Failure> {
        let numbers: Result<Vec<u64>, _> = line.split(' ').skip(1).map(str::parse).collect();
        let numbers: [u64; 6] = numbers?
            .try_into()
            .map_err(|_| format!("cannot read {line:?}"))?;
        let [sent, unanswered, p50, p99, longest, peak] = numbers;
        let [p50, p99, longest, peak] = [p50, p99, longest, peak].map(|number| number as f64);
        let calls = Calls {
            unanswered,
            p50,
            p99,
            longest,
            peak,
        };
        Ok((sent, calls))
    }
}

/// One peer under one fault.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) peer: Peer,
    pub(crate) fault: Fault,
    /// Unknown of a process that was killed.
    pub(crate) calls: Option<Calls>,
    pub(crate) sent: u64,
    /// Calls whose end is on record.
    pub(crate) kept: u64,
    /// Of them those that are recorded as cancelled or panicked.
    pub(crate) told: u64,
    /// Calls that the peer itself counts as lost.
    pub(crate) counted: Option<u64>,
    pub(crate) ended: String,
}

impl Row {
    /// Calls that are neither on record nor counted.
    fn missing(&self) -> i64 {
        let missing = self.sent as i64 - self.kept as i64 - self.counted.unwrap_or(0) as i64;
        match self.fault {
            // The last call of a killed process may be on record, and not in its progress.
            Fault::Kill => missing.max(0),
            _ => missing,
        }
    }

    /// Returns what is wrong with it, if it is ours.
    pub(crate) fn broken(&self) -> Option<String> {
        if self.peer.name != OURS {
            return None;
        }
        let unanswered = self.calls.is_some_and(|calls| calls.unanswered > 0);
        let missing = self.fault != Fault::Kill && self.missing() != 0;
        // More rows than calls by one: a call that was recorded, but not counted before the kill.
        let invented = self.kept > self.sent + 1;
        let untold =
            matches!(self.fault, Fault::Cancelled | Fault::Panics) && self.told != self.kept;
        (unanswered || missing || invented || untold)
            .then(|| format!("under {}: {self:?}", self.fault.name()))
    }
}

/// Prints all rows in Markdown.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "\n| fault | peer | sent | kept | with how it ended | counted as lost | neither | peak MB | p50 µs | p99 µs | longest ms | its end |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let told = match row.fault {
            Fault::Cancelled | Fault::Panics => row.told.to_string(),
            _ => String::new(),
        };
        let counted = match row.counted {
            Some(counted) => counted.to_string(),
            None => "–".into(),
        };
        let calls = match row.calls {
            Some(calls) => format!(
                "{:.1} | {:.1} | {:.1} | {:.2}",
                calls.peak / 1e6,
                calls.p50 / 1e3,
                calls.p99 / 1e3,
                calls.longest / 1e6
            ),
            None => " | | | ".into(),
        };
        println!(
            "| {} | {} | {} | {} | {told} | {counted} | {} | {calls} | {} |",
            row.fault.name(),
            row.peer.title,
            row.sent,
            row.kept,
            row.missing(),
            row.ended
        );
    }
    for row in rows.iter().filter(|row| row.peer.name == OURS) {
        let healthy = rows
            .iter()
            .find(|other| other.fault == Fault::Nothing && other.peer.name == OURS);
        if let (Some(ill), Some(well)) = (row.calls, healthy.and_then(|row| row.calls))
            && matches!(
                row.fault,
                Fault::DiskFull | Fault::StuckSink | Fault::Overload
            )
        {
            let name = format!("peers_call_{}_vs_none", row.fault.name().replace('-', "_"));
            benches::print_ratio(&name, ill.p50 / well.p50);
        }
    }
}
