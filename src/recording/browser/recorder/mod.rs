//! The recorder task: attaches to the pages of a browser, and appends the events they send.

mod flush;

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};

use self::flush::{Flush, STOP};
use crate::{
    error::Result,
    record::{RecordingStatus, Text},
    recording::{
        Sink,
        actor::Request,
        browser::{
            Target, World,
            cdp::{Connection, Frame, Incoming},
            script::Settings,
            tab::{Context, EventBatch, Tab},
        },
    },
};

/// Target type of iframes with their own process.
const IFRAMES: &str = "iframe";
/// Target type of pages.
const PAGES: &str = "page";
/// Maximum number of iframes with a track: a page can create any number.
const MAX_FRAMES: usize = 100;
/// Size of a message in bytes above which it is processed on the blocking pool.
const HEAVY: usize = 256 << 10;

pub(super) struct Recorder {
    connection: Connection,
    sink: Sink,
    target: Target,
    settings: Settings,
    script: String,
    /// Name of the function through which pages send events, and of the isolated world if there is one.
    binding: String,
    world: World,
    /// Recorded pages and iframes by session.
    tabs: HashMap<String, Tab>,
    /// Tracks by frame.
    tracks: HashMap<String, Text>,
    /// Number of tabs so far.
    pages: usize,
    /// Number of iframes with a track so far.
    frames: usize,
    /// Number of the call that attaches to the pages of the browser.
    attach_call: u64,
    /// Calls that need a response before the open pages are recorded.
    starting: HashSet<u64>,
    attached: Option<oneshot::Sender<()>>,
    ready: Option<oneshot::Sender<()>>,
    flushes: Vec<Flush>,
}

impl Recorder {
    pub(super) fn new(
        connection: Connection,
        sink: Sink,
        target: Target,
        world: World,
        settings: &Settings,
    ) -> Result<Self> {
        let binding = format!("__{}", sink.id().to_string().replace('-', ""));
        let settings = settings.with_binding(&binding);
        Ok(Recorder {
            connection,
            sink,
            target,
            script: settings.script()?,
            settings,
            binding,
            world,
            tabs: HashMap::new(),
            tracks: HashMap::new(),
            pages: 0,
            frames: 0,
            attach_call: 0,
            starting: HashSet::new(),
            attached: None,
            ready: None,
            flushes: Vec::new(),
        })
    }

    /// Runs until it is stopped, or the browser is gone. Signals `attached` once the browser attaches to pages, and `ready`
    /// once the open pages have responded.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        attached: oneshot::Sender<()>,
        ready: oneshot::Sender<()>,
    ) {
        (self.attached, self.ready) = (Some(attached), Some(ready));
        self.attach_call = self.attach_to(None, PAGES).await;
        self.starting.insert(self.attach_call);
        loop {
            tokio::select! {
                frame = self.connection.next() => match frame {
                    Some(Frame::Text(text)) => {
                        let message = offload(text.len(), move || Incoming::parse(&text)).await;
                        match message.flatten() {
                            Some(Incoming::Response(id, result)) => {
                                self.signal_start(id);
                                self.on_response(id, result.as_ref()).await;
                            }
                            Some(Incoming::Event(method, params, session)) => self.on_event(&method, params, session).await,
                            None => {}
                        }
                    }
                    Some(Frame::TooLarge) => return self.sink.end(RecordingStatus::Truncated),
                    None => return self.sink.end(RecordingStatus::Gone),
                },
                request = requests.recv() => match request {
                    Some(Request::Flush(done)) => self.flush("flush", done).await,
                    Some(Request::Stop(done)) => self.flush(STOP, done).await,
                    None => return,
                },
            }
            if self.complete_flushes() {
                return;
            }
        }
    }

    /// Signals `attached` or `ready` if this response completes it.
    fn signal_start(&mut self, call: u64) {
        self.starting.remove(&call);
        let attached = self.attached.take_if(|_| call == self.attach_call);
        let ready = self.ready.take_if(|_| self.starting.is_empty());
        for waiting in [attached, ready].into_iter().flatten() {
            // Ignored: `start` may have stopped waiting.
            let _ = waiting.send(());
        }
    }

    /// Makes the browser attach to new targets of a type before their first script runs.
    async fn attach_to(&mut self, session: Option<&str>, target_type: &str) -> u64 {
        let filter = json!([{"type": target_type}, {"exclude": true}]);
        let params = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": filter});
        self.connection
            .call(session, "Target.setAutoAttach", params)
            .await
    }

    async fn on_event(&mut self, method: &str, mut params: Value, session: String) {
        match method {
            "Target.attachedToTarget" => return self.on_attached(&params, &session).await,
            "Target.detachedFromTarget" => {
                if let Some(session) = params["sessionId"].as_str() {
                    self.forget_session(session);
                    self.tabs.remove(session);
                }
                return;
            }
            "Runtime.bindingCalled" if params["name"] == *self.binding => {
                if let Value::String(payload) = params["payload"].take() {
                    let context = params["executionContextId"].as_i64();
                    self.append_events(&session, context, payload).await;
                }
                return;
            }
            // The first document of a popup may replace an empty one in which the script has already run.
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => {
                return self.run_script(&session).await;
            }
            _ => {}
        }
        let Some(tab) = self.tabs.get_mut(&session) else {
            return;
        };
        match method {
            "Runtime.executionContextCreated" => {
                let context = &params["context"];
                let runs_script = match self.world {
                    World::Main => context["auxData"]["isDefault"] == true,
                    World::Isolated => context["name"] == *self.binding,
                };
                if runs_script && let Some(id) = context["id"].as_i64() {
                    tab.contexts.push(Context {
                        id,
                        unique_id: text(&context["uniqueId"]),
                        frame: text(&context["auxData"]["frameId"]),
                    });
                }
            }
            "Runtime.executionContextDestroyed" => {
                let id = params["executionContextId"].as_i64();
                tab.contexts.retain(|context| Some(context.id) != id);
            }
            "Runtime.executionContextsCleared" => tab.contexts.clear(),
            "Inspector.targetCrashed" => {
                tab.crashed = true;
                self.sink.worsen(RecordingStatus::Crashed);
                self.forget_session(&session);
            }
            "Inspector.targetReloadedAfterCrash" => tab.crashed = false,
            _ => {}
        }
    }

    /// Starts recording an attached target, or detaches from it if it is not to be recorded.
    async fn on_attached(&mut self, params: &Value, parent: &str) {
        let info = &params["targetInfo"];
        let (session, target) = (text(&params["sessionId"]), text(&info["targetId"]));
        let wanted = match &self.target {
            _ if self.tabs.contains_key(parent) => true,
            Target::All => true,
            Target::Context(id) => info["browserContextId"] == **id,
            Target::Page(id) => {
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
            // Required for `Runtime.bindingCalled`.
            ("Runtime.enable", json!({})),
            ("Runtime.addBinding", binding),
            ("Page.addScriptToEvaluateOnNewDocument", script),
        ];
        for (method, params) in calls {
            let call = self.connection.call(Some(&session), method, params).await;
            if self.ready.is_some() {
                self.starting.insert(call);
            }
        }
        self.attach_to(Some(&session), IFRAMES).await;
        self.resume(&session).await;
        let track = match (self.tabs.get(parent), self.tracks.get(&target)) {
            (Some(page), _) => page.track.clone(),
            (None, Some(before)) => before.clone(),
            (None, None) => {
                self.pages += 1;
                let track = Text::from(format!("tab {}", self.pages));
                self.tracks.insert(target.clone(), track.clone());
                track
            }
        };
        self.tabs.insert(session, Tab::new(target, track));
    }

    async fn resume(&mut self, session: &str) {
        let method = "Runtime.runIfWaitingForDebugger";
        self.connection.call(Some(session), method, json!({})).await;
    }

    /// Runs the script in a page's main document, if it does not run there yet.
    async fn run_script(&mut self, session: &str) {
        let context = match self.world {
            World::Main => None,
            World::Isolated => {
                let Some(tab) = self.tabs.get(session) else {
                    return;
                };
                let mut contexts = tab.contexts.iter();
                let Some(own) = contexts.rfind(|context| context.frame == tab.target) else {
                    return;
                };
                Some(own.unique_id.clone())
            }
        };
        let script = self.script.clone();
        self.evaluate(session, context.as_deref(), &script).await;
    }

    /// Evaluates an expression in a context, or in the page's main world. Returns the number of the call.
    async fn evaluate(&mut self, session: &str, context: Option<&str>, expression: &str) -> u64 {
        let mut params = json!({"expression": expression, "returnByValue": true});
        if let Some(context) = context {
            params["uniqueContextId"] = context.into();
        }
        self.connection
            .call(Some(session), "Runtime.evaluate", params)
            .await
    }

    /// Appends the events sent by a document.
    async fn append_events(&mut self, session: &str, context: Option<i64>, payload: String) {
        let Some(tab) = self.tabs.get_mut(session) else {
            return;
        };
        let Some(batch) = EventBatch::parse(payload) else {
            return;
        };
        self.sink.lost(tab.receive(&batch));
        let (frame, page) = (tab.frame(context).to_owned(), tab.track.clone());
        let count = batch.count();
        let Some(track) = self.track(frame, &page) else {
            return self.sink.lost(count);
        };
        let sink = self.sink.clone();
        let appended = offload(batch.len(), move || batch.append(&sink, track));
        if appended.await.is_none() {
            self.sink.lost(count);
        }
    }

    /// Returns the track of a frame; `None` if there are too many.
    fn track(&mut self, frame: String, page: &Text) -> Option<Text> {
        if let Some(track) = self.tracks.get(&frame) {
            return Some(track.clone());
        }
        if self.frames == MAX_FRAMES {
            return None;
        }
        self.frames += 1;
        let track = Text::from(format!("{page} frame {}", self.frames));
        self.tracks.insert(frame, track.clone());
        Some(track)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Runs `work` on the blocking pool if it processes more than [`HEAVY`] bytes, inline otherwise. Returns `None` if it
/// panicked or the runtime shuts down.
async fn offload<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match bytes > HEAVY {
        true => spawn_blocking(work).await.ok(),
        false => Some(work()),
    }
}
