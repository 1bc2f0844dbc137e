//! Minimum, median and maximum per part of a run, and a check for growth.

use std::time::Duration;

use crate::sample::{FIGURES, NAMES, Sample};

/// The part that the last one is compared with, from 0: the first fills the log.
const BASE: usize = 1;
/// The factor by which a median may exceed that of the base, beside the tolerance in [`NAMES`].
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

    /// Adds a sample that was taken `at` after the start.
    pub(crate) fn add(&mut self, at: Duration, sample: Sample) {
        let part = (at.as_secs_f64() / self.part.as_secs_f64()) as usize;
        self.parts
            .resize_with(self.parts.len().max(part + 1), Vec::new);
        self.parts[part].push(sample);
    }

    /// Returns all samples, one of each second.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.parts.iter().flatten()
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

    /// Returns the figures whose median in the last part exceeds that of the base.
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

/// Returns minimum, median and maximum of a figure.
fn spread(part: &[Sample], figure: usize) -> [f64; 3] {
    debug_assert!(figure < FIGURES);
    let mut values: Vec<_> = part.iter().map(|sample| sample.0[figure]).collect();
    values.sort_unstable();
    let at = |index: usize| values.get(index).copied().unwrap_or_default() as f64;
    let last = values.len().saturating_sub(1);
    [at(0), at(last / 2), at(last)]
}
