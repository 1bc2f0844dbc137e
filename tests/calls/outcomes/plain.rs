//! Plain tower services.

use std::{
    future::{Future, pending},
    io,
    path::Path,
    task::{Context, Waker},
    time::Duration,
};

use tower::{Layer, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Describe};

use crate::outcomes::{Case, Ran, arrived};

pub(crate) async fn call(case: Case, store: &Path) -> Ran {
    let log = ActivityLog::open(store).unwrap();
    let describe = |case: &Case| match case {
        Case::Deadline => Describe::job("call").timeout(Duration::ZERO),
        _ => Describe::job("call"),
    };
    let service = service_fn(async |case: Case| match case {
        Case::Success => Ok(()),
        Case::Error => Err(io::Error::other("broken")),
        Case::Panic => panic!("in the service"),
        _ => pending().await,
    });
    let layer = ActivityLayer::new(&log).describe(describe);
    let mut call = Box::pin(layer.layer(service).oneshot(case));
    match case {
        Case::Success | Case::Error | Case::Panic => {
            let _ = tokio::spawn(call).await;
        }
        Case::CancelledBefore | Case::Deadline => {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut cx).is_pending());
            drop(call);
        }
        Case::CancelledWithin => return Err("its response is one value"),
        Case::Shutdown => {
            tokio::spawn(call);
            arrived(store);
        }
    }
    Ok(Box::new(log))
}
