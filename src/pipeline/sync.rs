//! What threads meet at: as the system has it, or as loom tries it in every order (see `model.rs`).

#[cfg(all(test, model))]
pub(crate) use loom::sync::MutexGuard;
#[cfg(all(test, model))]
pub(crate) use loomed::{Mutex, Thread, current};
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
mod loomed {
    use std::sync::Arc;

    use loom::sync::{self, Condvar, MutexGuard};

    /// loom's mutex, which like ours is never poisoned.
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

    /// A thread that can be woken. loom's own forgets that it was, when it waits for a mutex before it parks.
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
