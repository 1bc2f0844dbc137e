//! What becomes of what a call gave back: mostly its end; sometimes the call goes on in it.

use std::task::Poll;

use crate::{
    activity::{Activity, Classify, Running},
    record::Outcome,
};

/// Decides what becomes of what a call gave back.
///
/// A [`Classify`] ends the activity with it, and gives it on as it is.
pub trait Finish<T> {
    /// What the caller gets.
    type Output;

    /// Says how the call ended; `None` where it goes on in what it gave back.
    fn finish(&mut self, output: &T) -> Option<Outcome>;

    /// Adds what was seen of the output to the record, where the activity does not end with it.
    fn note(&self, activity: &Activity);

    /// Ends the activity, with what was seen of the output.
    fn end(&self, running: &mut Running, outcome: &mut Outcome);

    /// Makes what the caller gets, once that is ready. A call that goes on takes its guard along.
    fn give(&mut self, polled: Poll<T>, running: Option<Running>) -> Poll<Self::Output>;
}

impl<T, C: Classify<T>> Finish<T> for C {
    type Output = T;

    #[inline]
    fn finish(&mut self, output: &T) -> Option<Outcome> {
        Some(self.classify(output))
    }

    #[inline]
    fn note(&self, _: &Activity) {}

    #[inline]
    fn end(&self, running: &mut Running, outcome: &mut Outcome) {
        running.close_with(outcome);
    }

    #[inline]
    fn give(&mut self, polled: Poll<T>, _: Option<Running>) -> Poll<T> {
        polled
    }
}
