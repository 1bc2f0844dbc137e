//! The task that follows a browser: attaches to its pages, and appends what they hand out.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::{
    record::{RecordingStatus, Text},
    recording::{
        Chunk, Sink,
        actor::Request,
        browser::{
            Scope, World,
            cdp::{Connection, Said},
            redact,
            script::Settings,
        },
    },
};

/// What a page's iframes are attached by, where they have a process of their own.
const IFRAMES: &str = "iframe";
const PAGES: &str = "page";

pub(super) struct Recorder {
    connection: Connection,
    sink: Sink,
    scope: Scope,
    settings: Settings,
    script: String,
    /// The function that pages hand out through, and the world that they do it in, where that is one of its own.
    binding: String,
    world: World,
    /// The pages and iframes that are recorded, by session.
    tabs: HashMap<String, Tab>,
    /// How many tabs there have been.
    tracks: usize,
    /// Calls that have to be answered before it has started.
    starting: HashSet<u64>,
    started: Option<oneshot::Sender<()>>,
    flushes: Vec<Flush>,
}

/// A page or an iframe.
struct Tab {
    target: String,
    /// Where the script runs in it, where that is a world of its own.
    context: Option<String>,
    /// `None` for an iframe, which hands its events to its page.
    track: Option<Text>,
    /// How many events have arrived of each document.
    arrived: HashMap<String, u64>,
}

/// Somebody who waits until every page has handed out what it held back.
struct Flush {
    /// The calls that are not yet answered, with the session that they were made in.
    calls: HashMap<u64, String>,
    done: oneshot::Sender<()>,
    /// The recorder ends after it.
    last: bool,
}

impl Recorder {
    pub(super) fn new(
        connection: Connection,
        sink: Sink,
        scope: Scope,
        world: World,
        settings: &Settings,
    ) -> Self {
        let binding = format!("__{}", sink.id().to_string().replace('-', ""));
        let settings = settings.through(&binding);
        Recorder {
            connection,
            sink,
            scope,
            script: settings.script(),
            settings,
            binding,
            world,
            tabs: HashMap::new(),
            tracks: 0,
            starting: HashSet::new(),
            started: None,
            flushes: Vec::new(),
        }
    }

    /// Works until it is stopped, or the browser is gone.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        started: oneshot::Sender<()>,
    ) {
        self.started = Some(started);
        let call = self.attach_to(None, PAGES).await;
        self.starting.insert(call);
        loop {
            tokio::select! {
                said = self.connection.next() => match said {
                    Some(Said::Answer(id, result)) => self.answered(id, result.as_ref()),
                    Some(Said::Event(method, params, session)) => self.happened(&method, &params, session).await,
                    Some(Said::TooMuch) => return self.sink.end(RecordingStatus::Truncated),
                    None => return self.sink.end(RecordingStatus::Gone),
                },
                request = requests.recv() => match request {
                    Some(Request::Flush(done)) => self.flush("flush", done).await,
                    Some(Request::Stop(done)) => self.flush("stop", done).await,
                    None => return,
                },
            }
            if self.starting.is_empty()
                && let Some(started) = self.started.take()
            {
                // Whoever waited may have given up.
                let _ = started.send(());
            }
            while let Some(at) = self.flushes.iter().position(|one| one.calls.is_empty()) {
                let flush = self.flushes.swap_remove(at);
                // Whoever asked may have given up.
                let _ = flush.done.send(());
                if flush.last {
                    return;
                }
            }
        }
    }

    /// Has the browser attach to what opens, before the first script of it runs.
    async fn attach_to(&mut self, session: Option<&str>, what: &str) -> u64 {
        let filter = json!([{"type": what}, {"exclude": true}]);
        let params = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": filter});
        self.connection
            .call(session, "Target.setAutoAttach", params)
            .await
    }

    async fn happened(&mut self, method: &str, params: &Value, session: String) {
        match method {
            "Target.attachedToTarget" => self.attached(params, &session).await,
            "Target.detachedFromTarget" => {
                if let Some(session) = params["sessionId"].as_str() {
                    self.left(session);
                    self.tabs.remove(session);
                }
            }
            "Runtime.bindingCalled" if params["name"] == *self.binding => {
                self.handed_out(&session, params["payload"].as_str().unwrap_or_default());
            }
            // The first document of a popup may take the place of an empty one, which the script has seen.
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => {
                let script = self.script.clone();
                self.evaluate(&session, &script).await;
            }
            "Runtime.executionContextCreated" => {
                let context = &params["context"];
                if let Some(tab) = self.tabs.get_mut(&session)
                    && context["name"] == *self.binding
                    && context["auxData"]["frameId"] == *tab.target
                {
                    tab.context = context["uniqueId"].as_str().map(str::to_owned);
                }
            }
            "Inspector.targetCrashed" => {
                self.sink.worsen(RecordingStatus::Crashed);
                self.left(&session);
            }
            _ => {}
        }
    }

    /// Begins to record what the browser has attached to, where it is to be recorded.
    async fn attached(&mut self, params: &Value, parent: &str) {
        let info = &params["targetInfo"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (session, target) = (text(&params["sessionId"]), text(&info["targetId"]));
        let page = info["type"] == PAGES;
        let wanted = match &self.scope {
            _ if self.tabs.contains_key(parent) => true,
            Scope::All => true,
            Scope::Context(id) => info["browserContextId"] == **id,
            Scope::Page(id) => {
                let opener = &info["openerId"];
                target == *id || self.tabs.values().any(|tab| *opener == *tab.target)
            }
        };
        if !wanted {
            self.resume(&session).await;
            let detach = json!({"sessionId": session});
            self.connection
                .call(None, "Target.detachFromTarget", detach)
                .await;
            return;
        }
        let mut binding = json!({"name": self.binding});
        let mut script = json!({"source": self.script, "runImmediately": true});
        if self.world == World::Isolated {
            binding["executionContextName"] = self.binding.as_str().into();
            script["worldName"] = self.binding.as_str().into();
        }
        let calls = [
            ("Page.enable", json!({})),
            ("Inspector.enable", json!({})),
            // Bindings say nothing without it.
            ("Runtime.enable", json!({})),
            ("Runtime.addBinding", binding),
            ("Page.addScriptToEvaluateOnNewDocument", script),
        ];
        for (method, params) in calls {
            let call = self.connection.call(Some(&session), method, params).await;
            if self.started.is_some() {
                self.starting.insert(call);
            }
        }
        self.attach_to(Some(&session), IFRAMES).await;
        self.resume(&session).await;
        self.tracks += usize::from(page);
        let tab = Tab {
            target,
            context: None,
            track: page.then(|| Text::from(format!("tab {}", self.tracks))),
            arrived: HashMap::new(),
        };
        self.tabs.insert(session, tab);
    }

    async fn resume(&mut self, session: &str) {
        let method = "Runtime.runIfWaitingForDebugger";
        self.connection.call(Some(session), method, json!({})).await;
    }

    /// Evaluates something where the script runs. Gives the number of the call; `None` where that runs nowhere yet.
    async fn evaluate(&mut self, session: &str, expression: &str) -> Option<u64> {
        let mut params = json!({"expression": expression, "returnByValue": true});
        if self.world == World::Isolated {
            let context = self.tabs.get(session)?.context.as_deref()?;
            params["uniqueContextId"] = context.into();
        }
        let call = self
            .connection
            .call(Some(session), "Runtime.evaluate", params);
        Some(call.await)
    }

    /// Appends what a page has handed out: a head line, and one event a line.
    fn handed_out(&mut self, session: &str, payload: &str) {
        let Some(tab) = self.tabs.get_mut(session) else {
            return;
        };
        let Some(track) = &tab.track else { return };
        let Some((head, lines)) = payload.split_once('\n') else {
            return;
        };
        let mut words = head.split(' ');
        let document = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
        let (Some(first), Some(count), Some(from), Some(until)) =
            (number(), number(), number(), number())
        else {
            return;
        };
        let (first, count) = (first.max(0).cast_unsigned(), count.max(0).cast_unsigned());
        // A page says what it likes in here; it cannot say more than there is.
        let count = count.min(lines.len() as u64);
        let arrived = tab.arrived.entry(document.to_owned()).or_default();
        self.sink.lost(first.saturating_sub(*arrived));
        *arrived = first.saturating_add(count);
        let at = |ms| DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_else(Utc::now);
        let chunk = Chunk::new(redact::lines(lines, |key, value| {
            self.sink.redact_json(key, value)
        }))
        .track(track)
        .events(count);
        self.sink.append(chunk.between(at(from), at(until)));
    }

    /// Asks every page for what it holds back.
    async fn flush(&mut self, what: &str, done: oneshot::Sender<()>) {
        let question = self.settings.ask(what);
        let pages = self.tabs.iter().filter(|(_, tab)| tab.track.is_some());
        let sessions: Vec<_> = pages.map(|(session, _)| session.clone()).collect();
        let mut calls = HashMap::new();
        for session in sessions {
            if let Some(call) = self.evaluate(&session, &question).await {
                calls.insert(call, session);
            }
        }
        self.flushes.push(Flush {
            calls,
            done,
            last: what == "stop",
        });
    }

    /// Takes the answer to a call. What a page handed out before it answered has arrived before.
    fn answered(&mut self, id: u64, result: Option<&Value>) {
        self.starting.remove(&id);
        let mut flushes = self.flushes.iter_mut();
        let Some(session) = flushes.find_map(|flush| flush.calls.remove(&id)) else {
            return;
        };
        let said = result.and_then(|result| result["result"]["value"].as_str());
        let Some((document, count)) = said.and_then(|said| said.split_once(' ')) else {
            return;
        };
        if let (Some(tab), Ok(count)) = (self.tabs.get_mut(&session), count.parse::<u64>()) {
            let arrived = tab.arrived.entry(document.to_owned()).or_default();
            self.sink.lost(count.saturating_sub(*arrived));
            *arrived = count.max(*arrived);
        }
    }

    /// Waits for nothing more from a page that is gone.
    fn left(&mut self, session: &str) {
        for flush in &mut self.flushes {
            flush.calls.retain(|_, of| of != session);
        }
    }
}
