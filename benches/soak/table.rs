//! Minimum, median and maximum of each part of a run, and whether they grow.

use std::time::Duration;

use crate::sample::{FIGURES, NAMES, Sample};

/// The part that the last one is compared with, counted from 0: the first fills the log.
const BASE: usize = 1;
/// How much a median may be above that of the base, as a factor, beside what [`NAMES`] says.
const FACTOR: f64 = 1.25;

pub(crate) struct Table {
    part: Duration,
    parts: Vec<Vec<Sample>>,
}

impl Table {
    pub(crate) fn new(part: Duration) -> Self {
        Table {
            part,
            parts: Vec::new(),
        }
    }

    /// Adds what was sampled this long after the start.
    pub(crate) fn add(&mut self, at: Duration, sample: Sample) {
        let part = (at.as_secs_f64() / self.part.as_secs_f64()) as usize;
        self.parts
            .resize_with(self.parts.len().max(part + 1), Vec::new);
        self.parts[part].push(sample);
    }

    pub(crate) fn print(&self) {
        println!(
            "\nminimum / median / maximum of each {:.0} s\n",
            self.part.as_secs_f64()
        );
        for (figure, (name, unit, scale, _)) in NAMES.into_iter().enumerate() {
            print!("{:<26}", format!("{name} {unit}"));
            for part in &self.parts {
                let [low, median, high] = spread(part, figure).map(|value| value / scale);
                let places = usize::from(scale > 1.0);
                print!(
                    " {:>22}",
                    format!("{low:.places$} / {median:.places$} / {high:.places$}")
                );
            }
            println!();
        }
    }

    /// The figures whose median in the last part is above that of the second.
    pub(crate) fn growing(&self) -> Vec<String> {
        let (Some(base), Some(last)) = (self.parts.get(BASE), self.parts.last()) else {
            return vec!["too short a run to say".into()];
        };
        let mut growing = Vec::new();
        for (figure, (name, _, scale, slack)) in NAMES.into_iter().enumerate() {
            let [base, last] = [base, last].map(|part| spread(part, figure)[1]);
            if last > base * FACTOR + slack {
                let (base, last) = (base / scale, last / scale);
                growing.push(format!("{name}, {base:.1} to {last:.1}"));
            }
        }
        growing
    }
}

/// The smallest, the middle and the largest value of a figure.
fn spread(part: &[Sample], figure: usize) -> [f64; 3] {
    debug_assert!(figure < FIGURES);
    let mut values: Vec<_> = part.iter().map(|sample| sample.0[figure]).collect();
    values.sort_unstable();
    let at = |index: usize| values.get(index).copied().unwrap_or_default() as f64;
    let last = values.len().saturating_sub(1);
    [at(0), at(last / 2), at(last)]
}
