//! What is current on this thread: a cell that futures swap themselves into for the time of a poll.
//!
//! Not `tokio::task_local!`: that loses its value together with the future, before the code that ends an
//! activity can run, and it knows nothing of other runtimes.

use std::{cell::RefCell, mem};

use crate::activity::Activity;

thread_local! {
    // It is gone only while the thread's own destructors run; nothing is current there.
    static CURRENT: RefCell<Current> = const {
        RefCell::new(Current {
            activity: Activity::INERT,
            hidden: Vec::new(),
        })
    };
}

struct Current {
    activity: Activity,
    /// What it hides although it is not of the same log, outermost first. Mostly nothing.
    hidden: Vec<Activity>,
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

// Inlined, because every poll of every recorded call goes through here, mostly to find nothing current.

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
    // Dropped when nothing is borrowed any more.
    let _activity = CURRENT.try_with(|current| current.borrow_mut().hidden.pop());
}

impl Activity {
    /// The innermost activity that the calling code runs inside of; inert where there is none.
    pub fn current() -> Activity {
        CURRENT
            .try_with(|current| current.borrow().activity.clone())
            .unwrap_or_default()
    }
}

/// Reads the innermost activity that fits: the current one, or one that it hides.
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
