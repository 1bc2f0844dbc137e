//! What is current on this thread: a stack that futures push themselves onto for the time of a poll.
//!
//! Not `tokio::task_local!`: that loses its value together with the future, before the code that ends an
//! activity can run, and it knows nothing of other runtimes.

use std::{cell::RefCell, mem};

use crate::activity::Activity;

thread_local! {
    static STACK: RefCell<Vec<Activity>> = const { RefCell::new(Vec::new()) };
}

/// Makes an activity current until it is dropped, then gives it back to where it came from.
///
/// Must be dropped in the reverse order of making, which a guard within one function always is.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    home: &'a mut Activity,
    pushed: bool,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(super) fn new(home: &'a mut Activity) -> Self {
        // The stack is gone only while the thread's own destructors run; nothing is current there.
        let pushed = STACK
            .try_with(|stack| stack.borrow_mut().push(mem::take(home)))
            .is_ok();
        Entered { home, pushed }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.pushed {
            let activity = STACK.try_with(|stack| stack.borrow_mut().pop());
            if let Ok(Some(activity)) = activity {
                *self.home = activity;
            }
        }
    }
}

/// Reads the innermost current activity that fits.
#[inline]
pub(super) fn find<T>(mut read: impl FnMut(&Activity) -> Option<T>) -> Option<T> {
    STACK
        .try_with(|stack| stack.borrow().iter().rev().find_map(&mut read))
        .ok()
        .flatten()
}
