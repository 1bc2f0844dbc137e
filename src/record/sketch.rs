//! A latency sketch: a small, mergeable histogram of durations.
//!
//! The bucket bounds are log-linear as in HdrHistogram: every power of two is divided into 16 equal parts. A quantile is the
//! middle of its part, so it is off by at most 1/32 (3.2 %) of the true value.

use std::ops::RangeInclusive;

/// The number of parts per power of two, as bits: 16 parts.
const BITS: u32 = 4;

/// The number of parts in one of the [`ranges`](Sketch::ranges).
const PARTS_PER_RANGE: u16 = 4;

/// A histogram of durations: small, and mergeable in any order.
///
/// # Examples
///
/// ```
/// use tower_activity::record::Sketch;
///
/// let mut sketch = Sketch::default();
/// for ms in 1..=100 {
///     sketch.add(ms * 1_000_000);
/// }
/// let p95 = sketch.quantile(0.95).unwrap_or_default();
/// assert!(p95.abs_diff(95_000_000) <= 95_000_000 / 32);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Parts and their counts, in the order of the scale.
    counts: Vec<(u16, u64)>,
}

impl Sketch {
    /// Counts one duration in nanoseconds.
    pub fn add(&mut self, ns: u64) {
        let part = part(ns);
        match self.counts.binary_search_by_key(&part, |one| one.0) {
            Ok(index) => self.counts[index].1 = self.counts[index].1.saturating_add(1),
            Err(index) => self.counts.insert(index, (part, 1)),
        }
    }

    /// Counts so many durations of a part of the scale.
    #[cfg(feature = "clickhouse")]
    pub(crate) fn add_part(&mut self, part: u16, more: u64) {
        match self.counts.binary_search_by_key(&part, |one| one.0) {
            Ok(index) => self.counts[index].1 = self.counts[index].1.saturating_add(more),
            Err(index) => self.counts.insert(index, (part, more)),
        }
    }

    /// Adds the counts of another sketch.
    pub fn merge(&mut self, other: &Sketch) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        let mut at = 0;
        for (part, count) in &other.counts {
            let before = self.counts[at..].iter().take_while(|one| one.0 < *part);
            at += before.count();
            match self.counts.get_mut(at) {
                Some(kept) if kept.0 == *part => kept.1 = kept.1.saturating_add(*count),
                // Rare: after a few sketches most parts exist.
                _ => self.counts.insert(at, (*part, *count)),
            }
        }
    }

    /// Returns the quantile in nanoseconds for a share of 0 to 1, off by at most 1/32; `None` for an empty sketch.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let counts = self.counts.iter().map(|one| one.1);
        let total = counts.fold(0, u64::saturating_add);
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0_u64;
        self.counts.iter().find_map(|(part, count)| {
            seen = seen.saturating_add(*count);
            (seen >= rank).then(|| middle(*part))
        })
    }

    /// Returns the ranges that have durations, in nanoseconds and in order, with their counts. Every power of two is divided
    /// into four ranges.
    pub fn ranges(&self) -> Vec<(RangeInclusive<u64>, u64)> {
        let mut ranges = Vec::<(u16, u64)>::new();
        for (part, count) in &self.counts {
            let range = part / PARTS_PER_RANGE;
            match ranges.last_mut() {
                Some(last) if last.0 == range => last.1 = last.1.saturating_add(*count),
                _ => ranges.push((range, *count)),
            }
        }
        let bounds = |range: u16| {
            let first = range.saturating_mul(PARTS_PER_RANGE);
            let next = lower(first.saturating_add(PARTS_PER_RANGE));
            lower(first).unwrap_or(u64::MAX)..=next.map_or(u64::MAX, |next| next - 1)
        };
        let ranges = ranges.into_iter();
        ranges
            .map(|(range, count)| (bounds(range), count))
            .collect()
    }

    /// Encodes the sketch as pairs of LEB128 numbers: the distance to the previous part, and the count.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.counts.len() * 3);
        let mut last = 0;
        for (part, count) in &self.counts {
            write_varint(&mut bytes, u64::from(part - last));
            write_varint(&mut bytes, *count);
            last = *part;
        }
        bytes
    }

    /// Decodes what [`to_bytes`](Self::to_bytes) wrote. Pairs that are incomplete or beyond the scale are ignored.
    pub fn from_bytes(mut bytes: &[u8]) -> Self {
        let mut sketch = Sketch {
            // A pair takes two bytes at least.
            counts: Vec::with_capacity(bytes.len() / 2),
        };
        let mut last = 0_u16;
        while let (Some(distance), Some(count)) = (read_varint(&mut bytes), read_varint(&mut bytes))
        {
            let Some(part) = u16::try_from(distance)
                .ok()
                .and_then(|distance| last.checked_add(distance))
                .filter(|part| lower(*part).is_some())
            else {
                break;
            };
            last = part;
            match sketch.counts.last_mut() {
                Some(kept) if kept.0 == part => kept.1 = kept.1.saturating_add(count),
                _ => sketch.counts.push((part, count)),
            }
        }
        sketch
    }
}

/// Returns the part of the scale that a duration belongs to.
fn part(ns: u64) -> u16 {
    if ns < 1 << BITS {
        return ns as u16;
    }
    let octave = 63 - ns.leading_zeros();
    let within = (ns >> (octave - BITS)) & ((1 << BITS) - 1);
    (((octave - BITS + 1) << BITS) as u64 + within) as u16
}

/// Returns the shortest duration of a part in nanoseconds; `None` beyond the scale.
fn lower(part: u16) -> Option<u64> {
    let part = u64::from(part);
    if part < 1 << BITS {
        return Some(part);
    }
    let shift = (part >> BITS) - 1;
    let first = (1 << BITS) + (part & ((1 << BITS) - 1));
    (shift < u64::from(u64::BITS - BITS)).then(|| first << shift)
}

/// Returns the middle of a part in nanoseconds.
fn middle(part: u16) -> u64 {
    let shift = (part >> BITS).saturating_sub(1);
    lower(part).map_or(u64::MAX, |lower| lower + ((1 << shift) >> 1))
}

/// Writes a number as LEB128.
pub(crate) fn write_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Reads a number that [`write_varint`] wrote, and advances past it.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_quantile_is_off_by_a_thirty_second_at_most(ns in 1..u64::MAX / 4) {
            let mut sketch = Sketch::default();
            sketch.add(ns);
            let read = sketch.quantile(0.95).unwrap();
            prop_assert!(read.abs_diff(ns) as f64 <= ns as f64 / 32.0 + 1.0, "{} read as {}", ns, read);
        }

        #[test]
        fn a_range_contains_the_durations_that_it_counts(ns in vec(any::<u64>(), 0..50)) {
            let mut sketch = Sketch::default();
            ns.iter().for_each(|ns| sketch.add(*ns));
            let ranges = sketch.ranges();
            let mut end = None;
            for (range, count) in &ranges {
                let inside = ns.iter().filter(|ns| range.contains(ns)).count() as u64;
                prop_assert_eq!(inside, *count, "{:?}", range);
                prop_assert!(end < Some(*range.start()), "{:?}", ranges);
                end = Some(*range.end());
            }
            let all: u64 = ranges.iter().map(|one| one.1).sum();
            prop_assert_eq!(all, ns.len() as u64);
        }

        #[test]
        fn merging_is_counting_together(a: Vec<u64>, b: Vec<u64>) {
            let sketch = |values: &[u64]| {
                let mut sketch = Sketch::default();
                values.iter().for_each(|ns| sketch.add(*ns));
                sketch
            };
            let mut merged = sketch(&a);
            merged.merge(&sketch(&b));
            prop_assert_eq!(&merged, &sketch(&[a, b].concat()));
            prop_assert_eq!(&Sketch::from_bytes(&merged.to_bytes()), &merged);
        }

        #[test]
        fn any_bytes_can_be_read(bytes: Vec<u8>) {
            Sketch::from_bytes(&bytes);
        }
    }
}
