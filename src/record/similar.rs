//! Names that are similar to what was written.

/// Returns the name that is most similar to what was written, if any is.
pub(crate) fn most_similar<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let distances = names.iter().map(|name| (distance(&written, name), *name));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    let is_similar = |(distance, name): &(usize, &str)| *distance <= 1 + name.len() / 4;
    nearest.filter(is_similar).map(|(_, name)| name)
}

/// Returns the edit distance: characters replaced, inserted, deleted or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Names are short. A much longer text is not similar to any, and measuring it would take long.
    if a.len() > b.len() + 8 {
        return a.len() - b.len();
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_edits() {
        let check = |a: &str, b: &str, expected| assert_eq!(distance(a, b), expected, "{a} {b}");
        check("failed", "failed", 0);
        check("faild", "failed", 1);
        check("statsu", "status", 1);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
    }
}
