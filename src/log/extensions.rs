//! Type-keyed extensions of a log, like `http::Extensions`: modules above `log` keep their state in them.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use parking_lot::Mutex;

/// One value per type.
#[derive(Default)]
pub(super) struct Extensions(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Extensions {
    /// Returns the value of this type, and creates it first if there is none.
    pub(super) fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut extensions = self.0.lock();
        let value = extensions
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(T::default()));
        // Cannot fail: the key is the value's type.
        Arc::clone(value).downcast().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

    use super::*;

    #[test]
    fn there_is_one_value_per_type() {
        let extensions = Extensions::default();
        extensions.get::<AtomicU8>().store(7, Relaxed);
        assert_eq!(extensions.get::<AtomicU8>().load(Relaxed), 7);
        assert_eq!(*extensions.get::<u8>(), 0);
    }
}
