//! Synchronization primitives: the system's, or loom's under `cfg(model)` (see `model.rs`).

#[cfg(all(test, model))]
pub(crate) use loom::sync::MutexGuard;
#[cfg(all(test, model))]
pub(crate) use model::{Mutex, Thread, current};
#[cfg(not(all(test, model)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};

#[cfg(all(test, model))]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize};
#[cfg(not(all(test, model)))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    thread::{Thread, current},
};

#[cfg(all(test, model))]
mod model {
    use std::sync::Arc;

    use loom::sync::{self, Condvar, MutexGuard};

    /// loom's mutex without poisoning, like parking_lot's.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Mutex(sync::Mutex::new(T::default()))
        }
    }

    /// A thread that can be unparked. loom's own loses the token if the thread blocks on a mutex before it parks.
    #[derive(Debug, Clone)]
    pub(crate) struct Thread(Arc<(sync::Mutex<bool>, Condvar)>);

    impl Thread {
        pub(crate) fn unpark(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }

        pub(crate) fn id(&self) -> *const () {
            Arc::as_ptr(&self.0).cast()
        }

        pub(crate) fn park(&self) {
            let mut woken = self.0.0.lock().unwrap();
            while !*woken {
                woken = self.0.1.wait(woken).unwrap();
            }
            *woken = false;
        }
    }

    pub(crate) fn current() -> Thread {
        Thread(Arc::new((sync::Mutex::new(false), Condvar::new())))
    }
}
