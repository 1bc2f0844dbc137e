//! A map of bounded size that evicts the entry that was not used for longest.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// A map of bounded size that evicts the entry that was not used for longest.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    /// With the number of their last use.
    values: HashMap<K, (u64, V)>,
    order: BTreeMap<u64, K>,
    next: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Recent {
            most,
            values: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }

    /// Returns a value, which is now the one that was used last.
    pub(super) fn get<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let (place, value) = self.values.get_mut(key)?;
        let key = self.order.remove(place)?;
        *place = self.next;
        self.order.insert(self.next, key);
        self.next += 1;
        Some(value.clone())
    }

    /// Adds a value, unless there is one of this key. Returns the value that makes room.
    pub(super) fn insert(&mut self, key: &K, value: V) -> Option<V> {
        if self.values.contains_key(key) {
            return None;
        }
        self.order.insert(self.next, key.clone());
        self.values.insert(key.clone(), (self.next, value));
        self.next += 1;
        match self.values.len() > self.most {
            true => self.pop_oldest(),
            false => None,
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let (place, value) = self.values.remove(key)?;
        self.order.remove(&place);
        Some(value)
    }

    /// Removes the value that was not used for longest.
    pub(super) fn pop_oldest(&mut self) -> Option<V> {
        let (_, oldest) = self.order.pop_first()?;
        self.values.remove(&oldest).map(|(_, value)| value)
    }

    /// Removes all values, the one that was not used for longest first.
    pub(super) fn drain(&mut self) -> Vec<V> {
        std::iter::from_fn(|| self.pop_oldest()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.values.values().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_that_was_not_used_for_longest_is_evicted() {
        let mut recent = Recent::new(2);
        assert_eq!(recent.insert(&"a", 1), None);
        assert_eq!(recent.insert(&"b", 2), None);
        assert_eq!(recent.insert(&"a", 3), None, "not a new key");
        assert_eq!(recent.get("a"), Some(1));
        assert_eq!(recent.insert(&"c", 4), Some(2));
        assert_eq!((recent.get("b"), recent.remove(&"a")), (None, Some(1)));
        assert_eq!(recent.insert(&"d", 5), None, "there is room again");
        assert_eq!((recent.len(), recent.drain()), (2, vec![4, 5]));
    }
}
