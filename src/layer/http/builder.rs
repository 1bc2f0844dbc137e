//! The settings of the layer for HTTP.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    activity::Describe,
    layer::{
        ActivityLayer,
        http::{ByStatus, RequestHead, classify::Denied, describe::describe},
    },
    log::ActivityLog,
};

/// How an [`ActivityLayer`] describes HTTP requests. Made by [`ActivityLayer::http`].
#[derive(Clone, Default)]
pub struct Http(Arc<Rules>);

type Skips = Arc<dyn Fn(&RequestHead<'_>) -> bool + Send + Sync>;
type Describes = Arc<dyn Fn(&RequestHead<'_>, Describe) -> Describe + Send + Sync>;

#[derive(Clone, Default)]
struct Rules {
    skip: Vec<Skips>,
    describe: Vec<Describes>,
}

impl ActivityLayer {
    /// Makes a layer for services that take HTTP requests: axum, tonic, hyper and whatever else tower wraps.
    ///
    /// A request is called by its method and route, and ends with its response's last byte; see
    /// [`layer::http`](crate::layer::http) for what is recorded of it. gRPC calls among them are told by their
    /// `content-type`.
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
    pub fn http(log: &ActivityLog) -> ActivityLayer<Http, ByStatus> {
        ActivityLayer {
            log: log.clone(),
            describe: Http::default(),
            classify: ByStatus::default(),
        }
    }
}

impl<C> ActivityLayer<Http, C> {
    /// Leaves requests to this path or route unrecorded: health checks, say.
    pub fn skip_path(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.skip(move |request| request.route() == Some(&path) || request.uri.path() == path)
    }

    /// Leaves requests unrecorded for which the rule says so. The service gets them as if there were no layer. A
    /// rule that panics skips nothing.
    pub fn skip(mut self, rule: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.describe.0)
            .skip
            .push(Arc::new(rule));
        self
    }

    /// Says more about a request from its head, or says it otherwise: for whom it runs, another name, attributes.
    /// Rules are asked in the order in which they were added. What one that panics had to say is missing.
    ///
    /// What is known only later is said by the code inside: `Activity::current().set_actor(..)`.
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

impl ActivityLayer<Http, ByStatus> {
    /// Takes 401 and 403 for failures, of the error type `denied`.
    pub fn denied(mut self) -> Self {
        self.classify.denied = Denied::Failed;
        self
    }
}

impl Http {
    /// What a request is called; `None` where it is not to be recorded.
    pub(super) fn describe(&self, head: &RequestHead<'_>) -> Option<Describe> {
        let Rules {
            skip,
            describe: more,
        } = &*self.0;
        // A rule that panics costs the record what it had to say, never the caller its call.
        let skips = |rule: &Skips| catch_unwind(AssertUnwindSafe(|| rule(head))).unwrap_or(false);
        if skip.iter().any(skips) {
            return None;
        }
        Some(more.iter().fold(describe(head), |described, rule| {
            let before = described.clone();
            catch_unwind(AssertUnwindSafe(|| rule(head, described))).unwrap_or(before)
        }))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("skip", &self.0.skip.len())
            .field("describe", &self.0.describe.len())
            .finish()
    }
}
