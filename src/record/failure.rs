//! The outcome of an error: its type and its message, also if its type is erased.

use std::{
    any::{Any, type_name},
    error::Error,
    fmt::{self, Write},
    io, iter,
    sync::Arc,
};

use crate::record::{Outcome, Text, snake_case};

/// The error type of everything that ran out of time.
const TIMEOUT: &str = "timeout";

/// The names of errors that mean a timeout: of tokio and tower, tower-http, tonic, reqwest and `std::io`, hyper.
const TIMEOUTS: [&str; 5] = [
    "Elapsed",
    "TimeoutError",
    "TimeoutExpired",
    "TimedOut",
    "KeepAliveTimedOut",
];

/// OpenTelemetry's error type for an error of unknown type.
const OTHER: &str = "_OTHER";

/// The beginnings of the names of types that hold an error of any type.
const ERASED: [&str; 5] = [
    "alloc::boxed::Box<dyn ",
    "alloc::sync::Arc<dyn ",
    "anyhow::Error",
    "axum_core::error::Error",
    "eyre::Report",
];

/// The names of errors that hold another of any type: of many crates, and of tower's `Buffer`.
const WRAPPERS: [&str; 2] = ["Error", "ServiceError"];

/// The maximum number of causes that are followed: a cause may name itself as its own.
const MAX_CAUSES: usize = 16;

impl Outcome {
    /// Creates the outcome of an error of any type: a failure, with the message of the error and of its causes.
    ///
    /// The error type is `timeout` if the error or one of its causes is a timeout of tokio, tower, tower-http, tonic or
    /// [`std::io`]. Otherwise it is the kind of an [`io::Error`], `connection_reset`, or the name with which the `Debug` of
    /// the error begins: `PoolClosed` of `PoolClosed { size: 4 }`. An error that says no more than `Error` has its cause's, or
    /// else its kind: `Reset` of `h2::Error { kind: Reset(…) }`, `IncompleteMessage` of `hyper::Error(IncompleteMessage)`. If
    /// there is no name, it is `_OTHER`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{error::Error, io};
    /// use tower_activity::Outcome;
    ///
    /// let error: Box<dyn Error> = io::Error::from(io::ErrorKind::ConnectionReset).into();
    /// let outcome = Outcome::from_error(&*error);
    /// assert_eq!(outcome.error_type(), Some("connection_reset"));
    /// assert_eq!(outcome.message(), Some("connection reset"));
    /// ```
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        let error_type = held_type(error).unwrap_or(Text::from_static(OTHER));
        Outcome::failed(error_type).with_message(message(error))
    }

    /// Creates the outcome of a result: an `Err` is a failure with the error's message. Made for
    /// `ActivityLayer::classify(Outcome::from_result)`.
    ///
    /// The error type is the error's Rust type. Boxed errors, `axum::Error`, `hyper::Error` and [`io::Error`] have that of the
    /// error that they hold, as in [`from_error`](Self::from_error); the type that `anyhow::Error` holds is unknown here: pass it to
    /// `from_error`, as `&*error`.
    pub fn from_result<T, E: fmt::Display + 'static>(result: &Result<T, E>) -> Self {
        match result {
            Ok(_) => Outcome::success(),
            Err(error) => {
                let outcome = Outcome::from_opaque(error);
                match outcome.message {
                    Some(_) => outcome,
                    // The alternate form prints the causes, of `anyhow::Error` for example.
                    None => outcome.with_message(format_args!("{error:#}")),
                }
            }
        }
    }

    /// Creates the outcome of an error of which only the type is known. It has a message if the type is one that
    /// [`opened`] knows.
    pub(crate) fn from_opaque<E: 'static>(error: &E) -> Self {
        let opened = opened(error);
        let error_type = opened
            .and_then(held_type)
            .unwrap_or_else(|| own_type(type_name::<E>()));
        let outcome = Outcome::failed(error_type);
        match opened {
            Some(error) => outcome.with_message(message(error)),
            None => outcome,
        }
    }
}

/// Returns the error in a value, if its type is one of those that hold errors of any type.
fn opened(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    #[cfg(feature = "axum")]
    if let Some(error) = error.downcast_ref::<axum::Error>() {
        return Some(error);
    }
    // Of bodies that come from another server.
    #[cfg(feature = "http")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return Some(error);
    }
    None
}

/// The error type of a Rust type.
fn own_type(name: &'static str) -> Text {
    if is_timeout(name) {
        Text::from_static(TIMEOUT)
    } else if ERASED.iter().any(|erased| name.starts_with(erased)) {
        Text::from_static(OTHER)
    } else {
        Text::from_static(name)
    }
}

/// The error type of an error and its causes: a timeout anywhere, else the first type, else the last kind.
fn held_type(error: &(dyn Error + 'static)) -> Option<Text> {
    let (mut first, mut kind) = (None, None);
    for name in causes(error).filter_map(name) {
        match name {
            Name::Type(name) | Name::Kind(name) if is_timeout(&name) => {
                return Some(Text::from_static(TIMEOUT));
            }
            Name::Type(name) => {
                first.get_or_insert(name);
            }
            // The innermost one says the most.
            Name::Kind(name) => kind = Some(name),
        }
    }
    let is_io = || causes(error).any(|cause| cause.is::<io::Error>());
    first
        .or(kind)
        .map(Text::from)
        .or_else(|| is_io().then(|| own_type(type_name::<io::Error>())))
}

fn is_timeout(name: &str) -> bool {
    TIMEOUTS.contains(&last_segment(name))
}

/// An error and its causes.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| cause(*error)).take(MAX_CAUSES)
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // Its `source` skips the error that it holds.
        Some(error) => error.get_ref().map(|held| held as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// The messages of an error and its causes, without those that the error repeats.
fn message(error: &(dyn Error + 'static)) -> String {
    let mut message = String::new();
    for cause in causes(error).map(|cause| cause.to_string()) {
        if message.is_empty() {
            message = cause;
        } else if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

/// What an error is called.
enum Name {
    /// Its type or variant.
    Type(String),
    /// The kind of a type that is called no more than `Error`.
    Kind(String),
}

/// The name of an error; `None` if it says nothing.
fn name(error: &(dyn Error + 'static)) -> Option<Name> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        let kind = format!("{:?}", error.kind());
        return match error.kind() {
            io::ErrorKind::Other => None,
            _ if is_timeout(&kind) => Some(Name::Type(kind)),
            _ => Some(Name::Type(snake_case(&kind.into()).to_string())),
        };
    }
    let mut head = Head(String::new());
    // It fails where the name is complete.
    let _ = write!(head, "{error:?}");
    head.name()
}

/// The beginning of a text: enough for the name of a type.
struct Head(String);

impl Head {
    const MAX_BYTES: usize = 64;

    /// The name with which the `Debug` of a type begins, as derived: `A`, `A(…)` or `A { … }`; the kind of `Error(Kind…)` and
    /// of `Error { kind: Kind… }`.
    fn name(&self) -> Option<Name> {
        let (name, rest) = leading_name(&self.0)?;
        if !(rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {")) {
            return None;
        }
        if !WRAPPERS.contains(&last_segment(name)) {
            return Some(Name::Type(name.to_owned()));
        }
        let kind = rest.strip_prefix('(');
        let kind = kind.or_else(|| rest.strip_prefix(" { kind: "))?;
        leading_name(kind).map(|(kind, _)| Name::Kind(kind.to_owned()))
    }
}

/// The name of a type or variant with which a text begins, and the rest of the text.
fn leading_name(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_type = last_segment(name).starts_with(|c: char| c.is_ascii_uppercase());
    is_type.then_some((name, rest))
}

/// The name of a type without its path.
fn last_segment(name: &str) -> &str {
    name.rsplit_once("::").map_or(name, |(_, last)| last)
}

impl Write for Head {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0
            .push_str(&part[..part.floor_char_boundary(Self::MAX_BYTES)]);
        if self.0.len() < Self::MAX_BYTES {
            return Ok(());
        }
        Err(fmt::Error)
    }
}
