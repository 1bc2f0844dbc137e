//! Adversarial inputs of a scanner: every token of a rule, repeated, and random mixtures of them.

/// One token per line.
const TOKENS: &str = include_str!("../../src/redact/tokens.txt");

fn tokens() -> Vec<String> {
    let written = |line: &str| {
        line.replace('␠', " ")
            .replace('⏎', "\n")
            .replace('⇥', "\t")
            .replace('␛', "\u{1b}")
    };
    TOKENS.lines().map(written).collect()
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one<'a>(&mut self, tokens: &'a [String]) -> &'a str {
        &tokens[self.below(tokens.len())]
    }
}

/// Returns texts to repeat: all tokens, and a number of sequences of some of them.
pub(crate) fn units(sequences: usize) -> Vec<String> {
    let tokens = tokens();
    let mut units = tokens.clone();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..sequences {
        let count = 2 + random.below(6);
        units.push((0..count).map(|_| random.one(&tokens)).collect());
    }
    units
}

/// Returns texts of this size with random sequences of some tokens, and a name for each.
pub(crate) fn mixtures(count: usize, size: usize) -> impl Iterator<Item = (String, String)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let all = tokens();
    (0..count).map(move |_| {
        let some = 2 + random.below(12);
        let tokens: Vec<&str> = (0..some).map(|_| random.one(&all)).collect();
        let mut text = String::with_capacity(size + 64);
        while text.len() < size {
            text.push_str(tokens[random.below(some)]);
        }
        (format!("a mixture of {tokens:?}"), text)
    })
}
