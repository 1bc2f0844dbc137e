//! The settings of the HTTP layer.

use std::{fmt, sync::Arc};

use crate::{
    activity::{Describe, PANICKED_RULE, guarded},
    layer::{
        ActivityLayer,
        http::{ByStatus, RequestHead, classify::Denied, describe::describe},
    },
    log::ActivityLog,
};

/// The description of HTTP requests by method and route. Returned by [`ActivityLayer::http`].
#[derive(Clone, Default)]
pub struct ByRoute(Arc<Rules>);

type Skips = Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>;
type Describes = Arc<dyn Fn(&RequestHead<'_>, Describe) -> Describe + Send + Sync>;

#[derive(Clone, Default)]
struct Rules {
    skip: Vec<Skips>,
    describe: Vec<Describes>,
}

impl ActivityLayer {
    /// Creates a layer for services that take HTTP requests: axum, tonic, hyper, and others that tower wraps.
    ///
    /// A request is named after its method and route, and ends with the last byte of its response; see
    /// [`layer::http`](crate::layer::http) for what is recorded. gRPC calls are recognized by their `content-type`.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use tower::{Layer, ServiceExt, service_fn};
    /// use tower_activity::{ActivityLayer, ActivityLog};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let log = ActivityLog::open(":memory:")?;
    /// let service = ActivityLayer::http(&log)
    ///     .skip_path("/health")
    ///     .describe(|request, describe| match request.header("x-project") {
    ///         Some(project) => describe.project(project.to_owned()),
    ///         None => describe,
    ///     })
    ///     .layer(service_fn(async |_: Request<Full<&'static [u8]>>| {
    ///         Ok::<_, std::convert::Infallible>(Response::new(Full::new(&b"hello"[..])))
    ///     }));
    /// let response = service.oneshot(Request::new(Full::default())).await?;
    /// # drop(response);
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(log: &ActivityLog) -> ActivityLayer<ByRoute, ByStatus> {
        ActivityLayer {
            log: log.clone(),
            describe: ByRoute::default(),
            classify: ByStatus::default(),
            timeout: None,
        }
    }
}

impl<C> ActivityLayer<ByRoute, C> {
    /// Skips requests to this path or route: health checks, for example. They are not recorded.
    pub fn skip_path(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.skip(move |request| request.route() == Some(&path) || request.uri.path() == path)
    }

    /// Skips requests for which the rule returns true. The service gets them as without the layer. A rule that panics skips
    /// nothing.
    pub fn skip(mut self, rule: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.describe.0)
            .skip
            .push(Arc::new(rule));
        self
    }

    /// Adds a rule that changes the description of a request, from its headers: scope, name, attributes. Rules run in the
    /// order in which they were added. A rule that panics changes nothing.
    ///
    /// For values known only later, such as the user, call `Activity::current().set_actor(…)` inside the request.
    pub fn describe(
        mut self,
        rule: impl Fn(&RequestHead<'_>, Describe) -> Describe + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.describe.0)
            .describe
            .push(Arc::new(rule));
        self
    }
}

impl ActivityLayer<ByRoute, ByStatus> {
    /// Counts 401 and 403 as failures, with the error type `denied`.
    pub fn denied(mut self) -> Self {
        self.classify.denied = Denied::Failed;
        self
    }
}

impl ByRoute {
    /// Describes a request; `None` if it is skipped.
    pub(super) fn describe(&self, head: &RequestHead<'_>) -> Option<Describe> {
        let Rules {
            skip,
            describe: more,
        } = &*self.0;
        let mut panicked = None;
        for rule in skip {
            match guarded(|| rule(head)) {
                Some(true) => return None,
                Some(false) => {}
                None => panicked = Some("skip"),
            }
        }
        let mut described = describe(head);
        for rule in more {
            let before = described.clone();
            described = guarded(|| rule(head, described)).unwrap_or_else(|| {
                panicked = Some("describe");
                before
            });
        }
        Some(match panicked {
            Some(rule) => described.attribute(PANICKED_RULE, rule),
            None => described,
        })
    }
}

impl fmt::Debug for ByRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByRoute")
            .field("skip", &self.0.skip.len())
            .field("describe", &self.0.describe.len())
            .finish()
    }
}
