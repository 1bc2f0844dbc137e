//! The wrapped HTTP service.

use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use crate::{
    activity::Classify,
    layer::{
        ActivityService,
        http::{
            ActivityBody, ByRoute, RequestHead, ResponseFuture, Upgrade, finish::Respond,
            session_end::SessionEnd,
        },
    },
};

impl<S, C, ReqB, ResB> Service<Request<ReqB>> for ActivityService<S, ByRoute, C>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: 'static,
    C: Classify<StatusCode> + Clone,
    ResB: Body,
{
    type Response = Response<ActivityBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let head = RequestHead::new(&request);
        let Some(describe) = self.describe.describe(&head) else {
            return ResponseFuture::skipped(self.inner.call(request));
        };
        let upgrades = head.wants_upgrade();
        let mut finish = Respond::new(&head, self.classify.clone());
        finish.set_session_end(SessionEnd::new(self.log(), &head));
        let running = self.start(describe);
        if running.id().is_some() {
            request.extensions_mut().insert(running.handle());
            if upgrades {
                let upgrade = Upgrade::new(&running);
                finish.set_upgrade(upgrade.clone());
                request.extensions_mut().insert(upgrade);
            }
        }
        ResponseFuture::recorded(self.run(running, request, finish))
    }
}
