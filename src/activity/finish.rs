//! What becomes of what a call gave back: mostly its end, as a classifier says; sometimes the call goes on in it.

use std::{any::type_name, task::Poll};

use crate::{
    activity::{Activity, Running},
    record::Outcome,
};

/// Says how a call ended, from what it gave back. Implemented for functions `Fn(&T) -> Outcome`.
///
/// This is the one place that decides what counts as success.
pub trait Classify<T> {
    /// Says how the call ended.
    fn classify(&self, output: &T) -> Outcome;
}

impl<T, F: Fn(&T) -> Outcome> Classify<T> for F {
    fn classify(&self, output: &T) -> Outcome {
        self(output)
    }
}

/// The default classifier: `Ok` is a success, `Err` a failure whose error type is the error's Rust type.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByResult;

impl<T, E> Classify<Result<T, E>> for ByResult {
    fn classify(&self, output: &Result<T, E>) -> Outcome {
        match output {
            Ok(_) => Outcome::success(),
            Err(_) => Outcome::failed(type_name::<E>()),
        }
    }
}

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
