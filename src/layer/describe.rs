//! The description of a request: its name, and for whom it runs.

use std::any::type_name;

use crate::{
    activity::{Activity, Describe},
    record::Kind,
};

/// Describes a request before it runs. Implemented for functions `Fn(&Req) -> Describe`.
///
/// Implement it to describe several types of requests, or to pass the activity on with the request; else a closure with
/// [`ActivityLayer::describe`](crate::ActivityLayer::describe) is enough.
///
/// # Examples
///
/// ```
/// use tower_activity::{Activity, ActivityLayer, ActivityLog, Describe, layer::DescribeRequest};
///
/// struct Job {
///     name: &'static str,
///     activity: Option<Activity>,
/// }
///
/// /// Puts the activity into the job: a worker task runs it later.
/// #[derive(Clone)]
/// struct Queued;
///
/// impl DescribeRequest<Job> for Queued {
///     fn describe(&self, job: &Job) -> Describe {
///         Describe::job(job.name)
///     }
///
///     fn inject(&self, job: &mut Job, activity: &Activity) {
///         job.activity = Some(activity.clone());
///     }
/// }
///
/// # fn main() -> tower_activity::Result<()> {
/// let log = ActivityLog::open(":memory:")?;
/// let layer = ActivityLayer::new(&log).describe_with(Queued);
/// # drop(layer);
/// # Ok(())
/// # }
/// ```
pub trait DescribeRequest<Req> {
    /// Returns the description of a request.
    fn describe(&self, request: &Req) -> Describe;

    /// Injects a handle of its activity into the request, for code that the current activity does not reach: a worker
    /// task behind a queue, for example.
    ///
    /// Does nothing by default. For HTTP requests, insert it into the extensions: tool servers behind them take it from
    /// there as the parent of their calls.
    fn inject(&self, request: &mut Req, activity: &Activity) {
        let _ = (request, activity);
    }
}

impl<Req, F: Fn(&Req) -> Describe> DescribeRequest<Req> for F {
    fn describe(&self, request: &Req) -> Describe {
        self(request)
    }
}

/// The default description: the name is the request's Rust type, the kind `custom`.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ByType;

impl<Req> DescribeRequest<Req> for ByType {
    fn describe(&self, _request: &Req) -> Describe {
        Describe::new(Kind::Custom, type_name::<Req>())
    }
}
