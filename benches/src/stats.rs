//! Statistics: medians with quartiles, quantiles, and ratios.

use std::{fmt, time::Duration};

/// The median of many samples, and the quartiles around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The first quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The third quartile.
    pub high: f64,
}

impl Spread {
    /// Computes the spread of samples in any order; zero if there are none.
    pub fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let index = (samples.len().saturating_sub(1) as f64 * part).round() as usize;
            samples.get(index).copied().unwrap_or_default()
        };
        Spread {
            low: at(0.25),
            median: at(0.5),
            high: at(0.75),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>9.1} ({:.1} .. {:.1})",
            self.median, self.low, self.high
        )
    }
}

/// Returns a quantile of sorted times; zero if there are none.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let index = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Prints one figure for machines: `ratio <name> <value>`.
pub fn print_ratio(name: &str, value: f64) {
    println!("ratio {name} {value:.3}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_between_its_quartiles() {
        let spread = Spread::new(vec![5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
        assert_eq!(Spread::new(Vec::new()).median, 0.0);
    }

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let times: Vec<_> = (1..=101).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_millis(51));
        assert_eq!(quantile(&times, 0.99), Duration::from_millis(100));
        assert_eq!(quantile(&[], 0.99), Duration::ZERO);
    }
}
