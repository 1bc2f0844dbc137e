//! What a request is called, and for whom it runs.

use std::any::type_name;

use crate::{
    activity::{Activity, Describe},
    record::Kind,
};

/// Describes a request before it runs. Implemented for functions `Fn(&Req) -> Describe`.
pub trait DescribeRequest<Req> {
    /// Says what the request is called and for whom it runs.
    fn describe(&self, request: &Req) -> Describe;

    /// Gives the request a handle of its activity, for code that the current activity does not reach.
    ///
    /// Does nothing by default. One for HTTP requests may put it into their extensions: tool servers behind
    /// them take it from there as the parent of their calls.
    fn hand_over(&self, request: &mut Req, activity: &Activity) {
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
