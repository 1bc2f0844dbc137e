//! The messages of a browser's DevTools, as far as the recorder reads them.
//!
//! Only the fields below are kept: a message may have 64 MiB of others, which would take 16 times that as values.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny},
};

use super::console::{Called, ConsoleMessage, Level, Thrown};

/// Maximum length of an ID in bytes. Chromium's have 32.
const MAX_ID: usize = 128;

/// A message of a browser.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The response to a call: its number, and the value of an evaluated expression if that is a string.
    Response(u64, Option<String>),
    /// An event in a session; the session of the browser itself is empty.
    Event(Event, String),
}

/// An event of a browser.
#[derive(Debug)]
pub(super) enum Event {
    Attached(Attached),
    Detached(Detached),
    BindingCalled(BindingCalled),
    FrameNavigated(FrameNavigated),
    ContextCreated(ContextCreated),
    ContextDestroyed(ContextDestroyed),
    ContextsCleared,
    Crashed,
    ReloadedAfterCrash,
    Console(ConsoleMessage),
    /// Any other event.
    Other,
}

/// A target to which the browser has attached.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attached {
    #[serde(deserialize_with = "id")]
    pub(super) session_id: String,
    pub(super) target_info: TargetInfo,
}

/// A target.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetInfo {
    #[serde(deserialize_with = "id")]
    pub(super) target_id: String,
    pub(super) browser_context_id: Option<String>,
    pub(super) opener_id: Option<String>,
}

/// A target that is gone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detached {
    #[serde(deserialize_with = "id")]
    pub(super) session_id: String,
}

/// A call of a function that was added to a page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BindingCalled {
    pub(super) name: String,
    pub(super) payload: String,
    pub(super) execution_context_id: Option<i64>,
}

/// A frame with a new document.
#[derive(Debug, Deserialize)]
pub(super) struct FrameNavigated {
    frame: Frame,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    parent_id: Option<IgnoredAny>,
}

impl FrameNavigated {
    /// Whether it is the main frame of its page.
    pub(super) fn is_main(&self) -> bool {
        self.frame.parent_id.is_none()
    }
}

/// A new execution context.
#[derive(Debug, Deserialize)]
pub(super) struct ContextCreated {
    pub(super) context: ExecutionContext,
}

/// An execution context.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExecutionContext {
    pub(super) id: i64,
    #[serde(deserialize_with = "id")]
    pub(super) unique_id: String,
    /// The name of an isolated world.
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) aux_data: AuxData,
}

/// What Chromium adds to an execution context.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AuxData {
    /// Whether it is the world of the page's own scripts.
    pub(super) is_default: bool,
    #[serde(deserialize_with = "id")]
    pub(super) frame_id: String,
}

/// An execution context that is gone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContextDestroyed {
    pub(super) execution_context_id: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    id: Option<u64>,
    #[serde(default)]
    method: String,
    #[serde(default, deserialize_with = "id")]
    session_id: String,
}

#[derive(Deserialize)]
struct Params<T> {
    params: T,
}

#[derive(Deserialize)]
struct Response {
    result: Option<Evaluated>,
}

#[derive(Deserialize)]
struct Evaluated {
    result: Option<RemoteObject>,
}

#[derive(Deserialize)]
struct RemoteObject {
    value: Option<String>,
}

impl Incoming {
    /// Parses a message; `None` if it is malformed.
    pub(super) fn parse(text: &str) -> Option<Incoming> {
        let head: Head = serde_json::from_str(text).ok()?;
        if let Some(number) = head.id {
            // Other results do not match, and are not needed.
            let response: Option<Response> = serde_json::from_str(text).ok();
            let value = response.and_then(|response| response.result?.result?.value);
            return Some(Incoming::Response(number, value));
        }
        let event = match &*head.method {
            "Target.attachedToTarget" => Event::Attached(params(text)?),
            "Target.detachedFromTarget" => Event::Detached(params(text)?),
            "Runtime.bindingCalled" => Event::BindingCalled(params(text)?),
            "Page.frameNavigated" => Event::FrameNavigated(params(text)?),
            "Runtime.executionContextCreated" => Event::ContextCreated(params(text)?),
            "Runtime.executionContextDestroyed" => Event::ContextDestroyed(params(text)?),
            "Runtime.executionContextsCleared" => Event::ContextsCleared,
            "Inspector.targetCrashed" => Event::Crashed,
            "Inspector.targetReloadedAfterCrash" => Event::ReloadedAfterCrash,
            "Runtime.consoleAPICalled" => console(text).map_or(Event::Other, Event::Console),
            "Runtime.exceptionThrown" => params(text)
                .map(Thrown::message)
                .map_or(Event::Other, Event::Console),
            _ => Event::Other,
        };
        Some(Incoming::Event(event, head.session_id))
    }
}

/// Parses a message on the console; `None` if its level is not recorded.
fn console(text: &str) -> Option<ConsoleMessage> {
    let level = params::<Level>(text)?.recorded()?;
    params(text).map(|called: Called| called.message(level))
}

fn params<T: DeserializeOwned>(text: &str) -> Option<T> {
    let message: Params<T> = serde_json::from_str(text).ok()?;
    Some(message.params)
}

/// Deserializes an ID, and rejects one that is too long to keep.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    match id.len() <= MAX_ID {
        true => Ok(id),
        false => Err(D::Error::custom("the ID is too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_string_is_the_value_of_a_response() {
        let check = |result: &str, expected: Option<&str>| {
            let message = format!(r#"{{"id":7,"result":{result}}}"#);
            match Incoming::parse(&message) {
                Some(Incoming::Response(7, value)) => assert_eq!(value.as_deref(), expected),
                other => panic!("{message}: {other:?}"),
            }
        };
        check(r#"{"result":{"type":"string","value":"a 4"}}"#, Some("a 4"));
        check(r#"{"result":{"type":"number","value":0}}"#, None);
        check(r#"{"result":{"type":"undefined"}}"#, None);
        check(r#"{"identifier":"1"}"#, None);
        check("{}", None);
        check("null", None);
    }

    #[test]
    fn messages_of_other_shapes_are_malformed() {
        let long = "x".repeat(MAX_ID + 1);
        for message in [
            "".to_owned(),
            "[]".to_owned(),
            r#"{"id":"7"}"#.to_owned(),
            format!(r#"{{"method":"Runtime.executionContextsCleared","sessionId":"{long}"}}"#),
            format!(
                r#"{{"method":"Target.attachedToTarget","params":{{"sessionId":"{long}","targetInfo":{{"targetId":"t"}}}}}}"#
            ),
            r#"{"method":"Runtime.executionContextCreated","params":{"context":"console"}}"#
                .to_owned(),
        ] {
            assert!(Incoming::parse(&message).is_none(), "{message}");
        }
        let ignored = r#"{"method":"Runtime.consoleAPICalled","params":{"context":"console"}}"#;
        assert!(matches!(
            Incoming::parse(ignored),
            Some(Incoming::Event(Event::Other, session)) if session.is_empty()
        ));
    }
}
