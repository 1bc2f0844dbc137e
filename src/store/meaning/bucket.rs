//! In which sums an activity counts.

use foldhash::HashMap;

use super::{codes::SumScope, quarter::quarter_of};
use crate::record::{Status, Sums};

/// One row as the buckets see it. Texts are dictionary numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fold {
    pub(crate) started_at_us: i64,
    pub(crate) status: Status,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) name: i64,
    pub(crate) project: Option<i64>,
    pub(crate) brand: Option<i64>,
}

/// The sums of one batch, before they are folded into the table.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// By scope, number and quarter; without those of everything.
    pub(crate) sums: HashMap<(SumScope, i64, i64), Sums>,
}

impl Buckets {
    /// Counts a row that was really inserted.
    pub(crate) fn add(&mut self, row: Fold) {
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

    /// Adds the sums of agents, by agent and quarter.
    pub(crate) fn add_agents(&mut self, sums: impl IntoIterator<Item = ((i64, i64), Sums)>) {
        let sums = sums.into_iter();
        let keyed = sums.map(|((agent, quarter), sums)| ((SumScope::Agent, agent, quarter), sums));
        self.sums.extend(keyed);
    }

    /// Every row has a name, so that the names' sums are the overall ones, by quarter.
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
