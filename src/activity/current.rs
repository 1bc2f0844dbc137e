//! The current activity of this thread: a cell that futures swap their activity into for each poll.
//!
//! `tokio::task_local!` would not do: it drops its value together with the future, before the code that ends the
//! activity runs, and it is bound to one runtime.

use std::{cell::RefCell, mem};

use crate::activity::Activity;

thread_local! {
    // Gone only while the thread's own destructors run; no activity is current then.
    static CURRENT: RefCell<Current> = const {
        RefCell::new(Current {
            activity: Activity::INERT,
            hidden: Vec::new(),
        })
    };
}

struct Current {
    activity: Activity,
    /// Activities of other logs that it hides, outermost first. Mostly empty.
    hidden: Vec<Activity>,
}

/// Makes an activity current until it is dropped, then restores the previous one.
///
/// Guards must be dropped in reverse order, as guards within one function are.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    /// Holds the previous activity while this guard lives.
    home: &'a mut Activity,
    hides: bool,
}

// Inlined: every poll of every recorded call passes here, and mostly finds no current activity.

impl<'a> Entered<'a> {
    #[inline(always)]
    pub(super) fn new(home: &'a mut Activity) -> Self {
        let hides = CURRENT.try_with(|current| {
            let activity = &mut current.borrow_mut().activity;
            mem::swap(activity, home);
            home.is_hidden_by(activity)
        });
        let hides = hides.unwrap_or(false);
        if hides {
            hide(home);
        }
        Entered { home, hides }
    }
}

impl Drop for Entered<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.hides {
            unhide();
        }
        let _ =
            CURRENT.try_with(|current| mem::swap(&mut current.borrow_mut().activity, self.home));
    }
}

#[cold]
fn hide(activity: &Activity) {
    let activity = activity.clone();
    let _ = CURRENT.try_with(|current| current.borrow_mut().hidden.push(activity));
}

#[cold]
fn unhide() {
    // Dropped once nothing is borrowed any more.
    let _activity = CURRENT.try_with(|current| current.borrow_mut().hidden.pop());
}

impl Activity {
    /// Returns a handle of the innermost activity that the calling code runs in; an inert handle outside of any.
    pub fn current() -> Activity {
        CURRENT
            .try_with(|current| current.borrow().activity.clone())
            .unwrap_or_default()
    }
}

/// Returns the first result of `fits`, from the current activity outwards through those that it hides.
#[inline]
pub(super) fn find<T>(fits: impl FnMut(&Activity) -> Option<T>) -> Option<T> {
    let found = CURRENT.try_with(|current| {
        let current = current.borrow();
        if current.activity.open().is_none() && current.hidden.is_empty() {
            return None;
        }
        let inwards = current.hidden.iter().chain([&current.activity]);
        inwards.rev().find_map(fits)
    });
    found.ok().flatten()
}
