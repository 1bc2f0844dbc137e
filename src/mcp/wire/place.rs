//! Where the activities that a message starts belong.

use std::mem;

use crate::{
    activity::{Activity, ActivityGuard, Describe},
    log::ActivityLog,
};

/// Where the activities that a message starts belong.
#[derive(Debug, Default)]
pub(in crate::mcp) enum Place {
    /// To no other activity.
    #[default]
    Top,
    /// To this provisional activity, which becomes that of the call.
    Provisional(ActivityGuard),
    /// Inside this provisional activity.
    Batch(ActivityGuard),
    /// Inside this activity.
    Inside(Activity),
}

impl Place {
    /// Starts an activity, or describes the provisional one.
    pub(super) fn start(&mut self, log: &ActivityLog, mut describe: Describe) -> ActivityGuard {
        if let Place::Provisional(running) = self {
            let inside = Place::Inside(Activity::clone(running));
            if let Place::Provisional(running) = mem::replace(self, inside) {
                running.settle(describe);
                return running;
            }
        }
        if let Some(activity) = self.activity()
            && !describe.has_parent()
        {
            describe = describe.parent(activity);
        }
        log.start(describe)
    }

    /// The activity that others are inside of.
    pub(in crate::mcp) fn activity(&self) -> Option<&Activity> {
        match self {
            Place::Top => None,
            Place::Provisional(running) | Place::Batch(running) => Some(running),
            Place::Inside(activity) => Some(activity),
        }
    }
}
