//! The buckets that an activity counts in.

use foldhash::HashMap;

use super::quarter::quarter_of;
use crate::{
    record::{Status, Sums},
    store::codes::SumScope,
};

/// The columns of an activity row that buckets are computed from. Texts are dictionary ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BucketRow {
    pub(crate) started_at_us: i64,
    pub(crate) status: Status,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) name: i64,
    pub(crate) project: Option<i64>,
    pub(crate) brand: Option<i64>,
}

/// The sums of one batch, to be folded into the table.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// By scope, dictionary id and quarter hour; without [`overall`](Self::overall).
    pub(crate) sums: HashMap<(SumScope, i64, i64), Sums>,
}

impl Buckets {
    /// Adds an inserted row. A row that was already there (a retried batch) must not be added again.
    pub(crate) fn add(&mut self, row: BucketRow) {
        let quarter = quarter_of(row.started_at_us);
        let scopes = [
            Some((SumScope::Name, row.name)),
            row.project.map(|id| (SumScope::Project, id)),
            row.brand.map(|id| (SumScope::Brand, id)),
        ];
        for (scope, id) in scopes.into_iter().flatten() {
            let sums = self.sums.entry((scope, id, quarter)).or_default();
            sums.add(row.status, row.duration_ns);
        }
    }

    /// Adds the sums of agents, by agent and quarter hour.
    pub(crate) fn add_agents(&mut self, sums: impl IntoIterator<Item = ((i64, i64), Sums)>) {
        let sums = sums.into_iter();
        let keyed = sums.map(|((agent, quarter), sums)| ((SumScope::Agent, agent, quarter), sums));
        self.sums.extend(keyed);
    }

    /// Returns the overall sums by quarter hour. Every row has exactly one name, so the sums of all names are the overall
    /// sums.
    pub(crate) fn overall(&self) -> HashMap<i64, Sums> {
        let mut overall = HashMap::<i64, Sums>::default();
        for ((scope, _, quarter), sums) in &self.sums {
            if *scope == SumScope::Name {
                overall.entry(*quarter).or_default().merge(sums);
            }
        }
        overall
    }
}
