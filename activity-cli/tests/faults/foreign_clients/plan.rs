//! Random sequences of acts, which a seed reproduces.

use std::{collections::BTreeSet, fmt};

use crate::foreign_clients::{
    act::{Act, Step},
    client::Client,
    story::End,
    writer::{Clock, Mode},
};

/// One of this many sequences is in real time.
const REAL: u8 = 16;

/// A sequence of acts on one log.
#[derive(Debug)]
pub struct Plan {
    pub seed: u64,
    pub mode: Mode,
    pub clock: Clock,
    pub steps: Vec<Step>,
    pub end: End,
}

impl Plan {
    pub fn from_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mode = Mode::ALL[random.usize(..Mode::ALL.len())];
        let clock = match random.u8(..REAL) {
            0 => Clock::Real,
            _ => Clock::Manual,
        };
        let end = if random.bool() {
            End::Kill
        } else {
            End::Shutdown
        };
        let mut acts = Act::HARMLESS.to_vec();
        // At the end: rows acknowledged before a destroying act could not be checked afterwards.
        if random.bool() {
            acts.extend(Act::DESTROYING);
        }
        let mut moved = 0;
        let mut steps = Vec::new();
        for _ in 0..random.usize(5..=20) {
            let act = acts[random.usize(..acts.len())];
            if act.needs_a_moved_file() && moved == 0 {
                continue;
            }
            match act {
                Act::MoveMain | Act::MoveAll => moved += 1,
                Act::MoveOver => moved -= 1,
                _ => {}
            }
            steps.push(Step {
                act,
                client: Client::ALL[random.usize(..Client::ALL.len())],
                busy: act.leaves_the_writer() && random.u8(..4) == 0,
                calls: random.u32(u32::from(act.is_upon_files())..10),
            });
        }
        Plan {
            seed,
            mode,
            clock,
            steps,
            end,
        }
    }

    /// Pairs of consecutive acts.
    pub fn pairs(&self) -> impl Iterator<Item = (Act, Act)> {
        self.steps.windows(2).map(|pair| (pair[0].act, pair[1].act))
    }
}

/// The acts and pairs that all sequences have covered.
#[derive(Debug, Default)]
pub struct Coverage {
    acts: BTreeSet<(Act, Option<Client>)>,
    pairs: BTreeSet<(Act, Act)>,
    sequences: usize,
    steps: usize,
    by_real_time: usize,
    acknowledged: usize,
    destroyed: usize,
    found: usize,
}

impl Coverage {
    /// The number of pairs of a plan that are not covered yet.
    pub fn new_pairs(&self, plan: &Plan) -> usize {
        let pairs: BTreeSet<_> = plan.pairs().collect();
        pairs.difference(&self.pairs).count()
    }

    pub fn plan(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let client = step.act.has_client().then_some(step.client);
            self.acts.insert((step.act, client));
        }
        self.pairs.extend(plan.pairs());
        self.sequences += 1;
        self.steps += plan.steps.len();
        self.by_real_time += usize::from(plan.clock == Clock::Real);
    }

    pub fn count(&mut self, acknowledged: usize, destroyed: usize, found: usize) {
        self.acknowledged += acknowledged;
        self.destroyed += destroyed;
        self.found += found;
    }

    pub fn sequences(&self) -> usize {
        self.sequences
    }

    pub fn by_real_time(&self) -> usize {
        self.by_real_time
    }

    /// True if every act by every client and every pair of acts is covered.
    pub fn is_full(&self) -> bool {
        self.acts.len() == all_acts() && self.pairs.len() == all_pairs()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sequences          {:>7}", self.sequences)?;
        writeln!(f, "  by real time     {:>7}", self.by_real_time)?;
        writeln!(f, "acts               {:>7}", self.steps)?;
        let (acts, of) = (self.acts.len(), all_acts());
        writeln!(f, "  by each client   {acts:>7} of {of} seen")?;
        let (pairs, of) = (self.pairs.len(), all_pairs());
        writeln!(f, "pairs of acts      {pairs:>7} of {of} seen")?;
        writeln!(f, "rows acknowledged  {:>7}", self.acknowledged)?;
        writeln!(f, "  then destroyed   {:>7}", self.destroyed)?;
        write!(f, "  found            {:>7}", self.found)
    }
}

/// The number of acts, counted once per client that can do them.
fn all_acts() -> usize {
    let acts = Act::HARMLESS.iter().chain(&Act::DESTROYING);
    acts.map(|act| {
        if act.has_client() {
            Client::ALL.len()
        } else {
            1
        }
    })
    .sum()
}

fn all_pairs() -> usize {
    (Act::HARMLESS.len() + Act::DESTROYING.len()).pow(2)
}
