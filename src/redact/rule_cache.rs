//! Remembers the results of rules for short texts: the keys, paths and user agents of a program repeat, and a rule takes 10 to
//! 100 times as long as a look-up here.

use std::cell::RefCell;

/// The results of a rule for some of the last texts, each up to `BYTES` bytes (at most 255) long.
#[derive(Debug)]
pub(super) struct RuleCache<const TEXTS: usize, const BYTES: usize>(RefCell<[Entry<BYTES>; TEXTS]>);

#[derive(Debug, Clone, Copy)]
struct Entry<const BYTES: usize> {
    text: [u8; BYTES],
    /// 0 if there is none.
    len: u8,
    result: bool,
}

impl<const TEXTS: usize, const BYTES: usize> RuleCache<TEXTS, BYTES> {
    pub(super) const fn new() -> Self {
        let none = Entry {
            text: [0; BYTES],
            len: 0,
            result: false,
        };
        RuleCache(RefCell::new([none; TEXTS]))
    }

    /// Returns the result for a text, if it is remembered.
    pub(super) fn get(&self, text: &[u8]) -> Option<bool> {
        if text.is_empty() || text.len() > BYTES {
            return None;
        }
        let entries = self.0.borrow();
        let entry = &entries[slot(text) % TEXTS];
        (entry.text[..usize::from(entry.len)] == *text).then_some(entry.result)
    }

    /// Remembers the result for a text, in place of that for another.
    pub(super) fn set(&self, text: &[u8], result: bool) {
        if text.len() <= BYTES {
            let mut entries = self.0.borrow_mut();
            let entry = &mut entries[slot(text) % TEXTS];
            entry.text = [0; BYTES];
            entry.text[..text.len()].copy_from_slice(text);
            entry.len = text.len() as u8;
            entry.result = result;
        }
    }
}

/// Mixes all bytes, eight at a time.
fn slot(text: &[u8]) -> usize {
    let mix = |slot: u64, part: u64| (slot ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (eights, rest) = text.as_chunks::<8>();
    let slot = (eights.iter()).fold(text.len() as u64, |slot, eight| {
        mix(slot, u64::from_le_bytes(*eight)).rotate_left(29)
    });
    let slot = (rest.iter()).fold(slot, |slot, byte| mix(slot, u64::from(*byte)));
    (slot >> 40) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_remembered_result_is_the_last_one_for_that_text(texts in prop::collection::vec("[ab]{0,6}|[a-c]{28,32}", 1..300)) {
            let cache = RuleCache::<8, 30>::new();
            let mut last = HashMap::new();
            for (number, text) in texts.iter().enumerate() {
                if let Some(result) = cache.get(text.as_bytes()) {
                    prop_assert_eq!(Some(&result), last.get(text));
                }
                let result = number.is_multiple_of(3);
                cache.set(text.as_bytes(), result);
                last.insert(text.clone(), result);
                let fits = (1..=30).contains(&text.len());
                prop_assert_eq!(cache.get(text.as_bytes()), fits.then_some(result));
            }
        }
    }
}
