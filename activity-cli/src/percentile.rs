//! Percentiles of durations.

/// Returns the 95th percentile of sorted values: the smallest that 95 % of them do not exceed. `None` without values.
pub(crate) fn p95(sorted: &[u64]) -> Option<u64> {
    let rank = (sorted.len() * 95).div_ceil(100);
    rank.checked_sub(1).map(|at| sorted[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_value_at_the_nearest_rank() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(p95(&values), Some(95));
        assert_eq!(p95(&values[..20]), Some(19));
        assert_eq!(p95(&values[..1]), Some(1));
        assert_eq!(p95(&[]), None);
    }
}
