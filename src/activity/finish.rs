//! From a call's output to its end: a classifier decides the outcome, unless the call continues in its output (a body).

use std::task::Poll;

use crate::{
    activity::{Activity, ActivityGuard},
    record::Outcome,
};

/// Decides how a call ended, from its output. Implemented for functions `Fn(&T) -> Outcome`.
///
/// This is the only place that decides what counts as success.
///
/// # Examples
///
/// ```
/// use std::io;
/// use tower_activity::{Outcome, activity::Classify};
///
/// /// A missing file is an answer, not a failure.
/// struct MissingIsFine;
///
/// impl<T> Classify<io::Result<T>> for MissingIsFine {
///     fn classify(&self, output: &io::Result<T>) -> Outcome {
///         match output {
///             Err(error) if error.kind() != io::ErrorKind::NotFound => Outcome::from_result(output),
///             _ => Outcome::success(),
///         }
///     }
/// }
/// let missing: io::Result<()> = Err(io::ErrorKind::NotFound.into());
/// assert_eq!(MissingIsFine.classify(&missing), Outcome::success());
/// ```
pub trait Classify<T> {
    /// Returns the outcome of a call with this output.
    fn classify(&self, output: &T) -> Outcome;
}

impl<T, F: Fn(&T) -> Outcome> Classify<T> for F {
    fn classify(&self, output: &T) -> Outcome {
        self(output)
    }
}

/// The default classifier: `Ok` is a success, `Err` a failure. Its error type is that of [`Outcome::from_result`]. It has a
/// message only if the error is boxed or an [`io::Error`](std::io::Error); that of `from_result` always has one, for which
/// the error must be displayable.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByResult;

impl<T, E: 'static> Classify<Result<T, E>> for ByResult {
    fn classify(&self, output: &Result<T, E>) -> Outcome {
        match output {
            Ok(_) => Outcome::success(),
            Err(error) => Outcome::from_opaque(error),
        }
    }
}

/// Decides whether a call ends with its output or continues in it.
///
/// A [`Classify`] ends the activity and returns the output unchanged.
pub trait Finish<T> {
    /// The type that the caller gets.
    type Output;

    /// Returns the outcome; `None` if the call continues in its output.
    fn finish(&mut self, output: &T) -> Option<Outcome>;

    /// Adds what is known from the output to an activity that does not end with it.
    fn note(&self, activity: &Activity);

    /// Ends the activity, with what is known from the output.
    fn end(&self, running: &mut ActivityGuard, outcome: &mut Outcome);

    /// Converts the output into the caller's output, which takes the guard of a call that continues.
    fn give(&mut self, polled: Poll<T>, running: Option<&mut ActivityGuard>) -> Poll<Self::Output>;
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
    fn end(&self, running: &mut ActivityGuard, outcome: &mut Outcome) {
        running.close_with(outcome);
    }

    #[inline]
    fn give(&mut self, polled: Poll<T>, _: Option<&mut ActivityGuard>) -> Poll<T> {
        polled
    }
}
