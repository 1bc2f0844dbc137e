//! What is current on this thread: a cell that futures swap themselves into for the time of a poll.
//!
//! Not `tokio::task_local!`: that loses its value together with the future, before the code that ends an
//! activity can run, and it knows nothing of other runtimes.

use std::{cell::RefCell, mem};

use crate::activity::Activity;

// Both are gone only while the thread's own destructors run; nothing is current there.
thread_local! {
    static CURRENT: RefCell<Activity> = const { RefCell::new(Activity::INERT) };
    /// What the current one hides although it is not its own log's, outermost first. Mostly nothing.
    static HIDDEN: RefCell<Vec<Activity>> = const { RefCell::new(Vec::new()) };
}

/// Makes an activity current until it is dropped, then puts everything back where it came from.
///
/// Must be dropped in the reverse order of making, which a guard within one function always is.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    /// What was current before, for as long as this lives.
    home: &'a mut Activity,
    hides: bool,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(super) fn new(home: &'a mut Activity) -> Self {
        let hides = CURRENT.try_with(|current| {
            let current = &mut *current.borrow_mut();
            mem::swap(current, home);
            home.is_hidden_by(current)
        });
        let hides = hides.unwrap_or(false);
        if hides {
            hide(home);
        }
        Entered { home, hides }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.hides {
            unhide();
        }
        let _ = CURRENT.try_with(|current| mem::swap(&mut *current.borrow_mut(), self.home));
    }
}

#[cold]
fn hide(activity: &Activity) {
    let _ = HIDDEN.try_with(|hidden| hidden.borrow_mut().push(activity.clone()));
}

#[cold]
fn unhide() {
    let _ = HIDDEN.try_with(|hidden| hidden.borrow_mut().pop());
}

/// Reads the current activity.
#[inline]
pub(super) fn read<T: Default>(read: impl FnOnce(&Activity) -> T) -> T {
    CURRENT
        .try_with(|current| read(&current.borrow()))
        .unwrap_or_default()
}

/// Reads the innermost activity that fits, the current one or one that it hides.
#[inline]
pub(super) fn find<T>(mut fits: impl FnMut(&Activity) -> Option<T>) -> Option<T> {
    read(&mut fits).or_else(|| {
        let hidden = HIDDEN.try_with(|hidden| hidden.borrow().iter().rev().find_map(fits));
        hidden.ok().flatten()
    })
}
