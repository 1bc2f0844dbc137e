//! The outcome of an error names the error that a wrapper holds, and its message.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    time::Duration,
};

use tokio::time::timeout;
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_activity::{ActivityLayer, ActivityLog, Outcome, record::ActivityRecord};

use crate::support::rows;

/// A failure of the application with a cause.
#[derive(Debug)]
struct ImportFailed {
    cause: BoxError,
}

impl fmt::Display for ImportFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("import failed")
    }
}

impl Error for ImportFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// An error that is its own cause, and whose `Debug` is prose.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Something went wrong")
    }
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endless")
    }
}

impl Error for Endless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

/// Errors that differ by their kinds only.
mod vague {
    use std::{error, fmt};

    // Only `Debug` reads what they hold.
    #[allow(dead_code)]
    #[derive(Debug)]
    pub enum Kind {
        Reset(u32),
        Closed,
    }

    #[derive(Debug)]
    pub struct Error {
        #[allow(dead_code)]
        pub kind: Kind,
        pub cause: Option<Box<Error>>,
    }

    impl fmt::Display for Error {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("vague")
        }
    }

    impl error::Error for Error {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            self.cause.as_deref().map(|cause| cause as _)
        }
    }
}

async fn elapsed() -> tokio::time::error::Elapsed {
    timeout(Duration::ZERO, std::future::pending::<()>())
        .await
        .unwrap_err()
}

#[track_caller]
fn check(error: impl Into<BoxError>, error_type: &str, message: &str) {
    let error = error.into();
    let outcome = Outcome::from_error(&*error);
    assert_eq!(outcome.error_type(), Some(error_type), "{error:?}");
    assert_eq!(outcome.message(), Some(message), "{error:?}");
}

#[tokio::test]
async fn an_error_is_named_by_what_it_holds() {
    let import = |cause: BoxError| ImportFailed { cause };
    check(
        import("no rows".into()),
        "ImportFailed",
        "import failed: no rows",
    );
    check(
        import(elapsed().await.into()),
        "timeout",
        "import failed: deadline has elapsed",
    );
    check(elapsed().await, "timeout", "deadline has elapsed");
    check(
        tower::timeout::error::Elapsed::new(),
        "timeout",
        "request timed out",
    );
    check(tonic::TimeoutExpired(()), "timeout", "Timeout expired");
    check(io::Error::from(elapsed().await), "timeout", "timed out");
    check(
        io::Error::other(elapsed().await),
        "timeout",
        "deadline has elapsed",
    );
    check(
        io::Error::from(ErrorKind::ConnectionReset),
        "connection_reset",
        "connection reset",
    );
    check(
        axum::Error::new(import("no rows".into())),
        "ImportFailed",
        "import failed: no rows",
    );
    let cause = vague::Error {
        kind: vague::Kind::Reset(8),
        cause: None,
    };
    let error = vague::Error {
        kind: vague::Kind::Closed,
        cause: Some(Box::new(cause)),
    };
    check(error, "Reset", "vague");
    let cause = vague::Error {
        kind: vague::Kind::Closed,
        cause: None,
    };
    check(axum::Error::new(cause), "Closed", "vague");
    check("prose alone", "_OTHER", "prose alone");
    check(Endless, "_OTHER", "endless");
}

#[tokio::test]
async fn the_error_of_a_service_is_never_named_after_its_box() {
    /// Returns the record of a call that fails with this error.
    async fn recorded<E: 'static>(error: E) -> ActivityRecord {
        let log = ActivityLog::open(":memory:").unwrap();
        let mut error = Some(error);
        let service = service_fn(move |()| std::future::ready(Err::<(), E>(error.take().unwrap())));
        let result = ActivityLayer::new(&log).layer(service).oneshot(()).await;
        assert!(result.is_err());
        rows(&log).0.remove(0)
    }
    fn check(row: &ActivityRecord, error_type: &str, message: Option<&str>) {
        assert_eq!(row.error_type.as_deref(), Some(error_type), "{row:?}");
        assert_eq!(row.message.as_deref(), message, "{row:?}");
    }
    let boxed: BoxError = "no route".into();
    check(&recorded(boxed).await, "_OTHER", Some("no route"));
    let boxed: Box<dyn Error> = Box::new(elapsed().await);
    let row = recorded(boxed).await;
    check(&row, "timeout", Some("deadline has elapsed"));
    let row = recorded(axum::Error::new(elapsed().await)).await;
    check(&row, "timeout", Some("deadline has elapsed"));
    check(&recorded(elapsed().await).await, "timeout", None);
    let broken = io::Error::from(ErrorKind::BrokenPipe);
    check(&recorded(broken).await, "broken_pipe", Some("broken pipe"));
    check(&recorded(7u8).await, "u8", None);
    let row = recorded(ImportFailed { cause: "x".into() }).await;
    assert!(row.error_type.unwrap().ends_with("::ImportFailed"));

    // tower's `Buffer` holds the error of its worker in an `Arc`.
    let log = ActivityLog::open(":memory:").unwrap();
    let never = service_fn(async |()| std::future::pending::<Result<(), BoxError>>().await);
    let service = ServiceBuilder::new()
        .layer(ActivityLayer::new(&log))
        .buffer(1)
        .timeout(Duration::ZERO)
        .service(never);
    service.oneshot(()).await.unwrap_err();
    check(
        &rows(&log).0.remove(0),
        "timeout",
        Some("request timed out"),
    );
}
