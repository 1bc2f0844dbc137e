//! Generated examples of each prefix rule, for tests and for the comparison in `benches/redact`.

use super::rules::{Shape, Table};

/// Returns an example of each shape, in order; the same in every run.
pub(crate) fn shapes(table: &Table) -> impl Iterator<Item = String> {
    let example = |(at, shape): (usize, &Shape)| {
        let charset = table.charsets[shape.charset];
        let letters: Vec<char> = (b'0'..=b'z')
            .filter(|byte| charset.has(*byte) && byte.is_ascii_alphanumeric())
            .map(char::from)
            .collect();
        let mut state = at as u64 + 88_172_645_463_325_252;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters[(state % letters.len() as u64) as usize]
        };
        let mut text = |count: usize| (0..count).map(|_| random()).collect::<String>();
        let before = text(shape.back);
        let behind = match (shape.dotted, shape.back) {
            (true, _) => format!("{}.{}.{}", text(24), text(6), text(38)),
            (false, 0) => text(shape.min.max(20)),
            _ => text(shape.min),
        };
        format!("{before}{}{behind}", shape.prefix)
    };
    table.shapes.iter().enumerate().map(example)
}
