//! The task that follows a browser: attaches to its pages, and appends what they hand out.

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
            Scope, World,
            cdp::{Connection, Heard, Said},
            script::Settings,
            tab::{Context, HandOver, Tab},
        },
    },
};

/// What a page's iframes are attached by, where they have a process of their own.
const IFRAMES: &str = "iframe";
const PAGES: &str = "page";
/// How many iframes get a track: a page can make any number.
const FRAMES: usize = 100;
/// How many bytes take so long to be understood that nothing else is to wait for it.
const HEAVY: usize = 256 << 10;

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
    /// The tracks, by the frame that they show.
    tracks: HashMap<String, Text>,
    /// How many tabs there have been, and how many iframes with a track.
    pages: usize,
    frames: usize,
    /// The call that has the browser attach to its pages.
    attach: u64,
    /// Calls that have to be answered before the pages that are open are recorded.
    starting: HashSet<u64>,
    begun: Option<oneshot::Sender<()>>,
    ready: Option<oneshot::Sender<()>>,
    flushes: Vec<Flush>,
}

impl Recorder {
    pub(super) fn new(
        connection: Connection,
        sink: Sink,
        scope: Scope,
        world: World,
        settings: &Settings,
    ) -> Result<Self> {
        let binding = format!("__{}", sink.id().to_string().replace('-', ""));
        let settings = settings.through(&binding);
        Ok(Recorder {
            connection,
            sink,
            scope,
            script: settings.script()?,
            settings,
            binding,
            world,
            tabs: HashMap::new(),
            tracks: HashMap::new(),
            pages: 0,
            frames: 0,
            attach: 0,
            starting: HashSet::new(),
            begun: None,
            ready: None,
            flushes: Vec::new(),
        })
    }

    /// Works until it is stopped, or the browser is gone. Says when the browser has begun to attach to pages, and when those
    /// that it had have answered.
    pub(super) async fn run(
        mut self,
        mut requests: mpsc::UnboundedReceiver<Request>,
        begun: oneshot::Sender<()>,
        ready: oneshot::Sender<()>,
    ) {
        (self.begun, self.ready) = (Some(begun), Some(ready));
        self.attach = self.attach_to(None, PAGES).await;
        self.starting.insert(self.attach);
        loop {
            tokio::select! {
                heard = self.connection.next() => match heard {
                    Some(Heard::Text(text)) => {
                        let said = beside(text.len(), move || Said::read(&text)).await;
                        match said.flatten() {
                            Some(Said::Answer(id, result)) => {
                                self.begins(id);
                                self.answered(id, result.as_ref()).await;
                            }
                            Some(Said::Event(method, params, session)) => self.happened(&method, params, session).await,
                            None => {}
                        }
                    }
                    Some(Heard::TooMuch) => return self.sink.end(RecordingStatus::Truncated),
                    None => return self.sink.end(RecordingStatus::Gone),
                },
                request = requests.recv() => match request {
                    Some(Request::Flush(done)) => self.flush("flush", done).await,
                    Some(Request::Stop(done)) => self.flush(STOP, done).await,
                    None => return,
                },
            }
            if self.is_stopped() {
                return;
            }
        }
    }

    /// Says how far it has begun, where this was answered.
    fn begins(&mut self, call: u64) {
        self.starting.remove(&call);
        let begun = self.begun.take_if(|_| call == self.attach);
        let ready = self.ready.take_if(|_| self.starting.is_empty());
        for waiting in [begun, ready].into_iter().flatten() {
            // Whoever waited may have given up.
            let _ = waiting.send(());
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

    async fn happened(&mut self, method: &str, mut params: Value, session: String) {
        match method {
            "Target.attachedToTarget" => return self.attached(&params, &session).await,
            "Target.detachedFromTarget" => {
                if let Some(session) = params["sessionId"].as_str() {
                    self.left(session);
                    self.tabs.remove(session);
                }
                return;
            }
            "Runtime.bindingCalled" if params["name"] == *self.binding => {
                if let Value::String(payload) = params["payload"].take() {
                    let context = params["executionContextId"].as_i64();
                    self.handed_out(&session, context, payload).await;
                }
                return;
            }
            // The first document of a popup may take the place of an empty one, which the script has seen.
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
                        unique: text(&context["uniqueId"]),
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
                self.left(&session);
            }
            "Inspector.targetReloadedAfterCrash" => tab.crashed = false,
            _ => {}
        }
    }

    /// Begins to record what the browser has attached to, where it is to be recorded.
    async fn attached(&mut self, params: &Value, parent: &str) {
        let info = &params["targetInfo"];
        let (session, target) = (text(&params["sessionId"]), text(&info["targetId"]));
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

    /// Has the script run in a page's own document, where it does not yet.
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
                Some(own.unique.clone())
            }
        };
        let script = self.script.clone();
        self.evaluate(session, context.as_deref(), &script).await;
    }

    /// Evaluates something in a context, or in a page's own world. Gives the number of the call.
    async fn evaluate(&mut self, session: &str, context: Option<&str>, expression: &str) -> u64 {
        let mut params = json!({"expression": expression, "returnByValue": true});
        if let Some(context) = context {
            params["uniqueContextId"] = context.into();
        }
        self.connection
            .call(Some(session), "Runtime.evaluate", params)
            .await
    }

    /// Appends what a document has handed out.
    async fn handed_out(&mut self, session: &str, context: Option<i64>, payload: String) {
        let Some(tab) = self.tabs.get_mut(session) else {
            return;
        };
        let Some(hand_over) = HandOver::read(payload) else {
            return;
        };
        self.sink.lost(tab.heard(&hand_over));
        let (frame, page) = (tab.frame(context).to_owned(), tab.track.clone());
        let count = hand_over.count();
        let Some(track) = self.track(frame, &page) else {
            return self.sink.lost(count);
        };
        let sink = self.sink.clone();
        let appended = beside(hand_over.len(), move || hand_over.append(&sink, track));
        if appended.await.is_none() {
            self.sink.lost(count);
        }
    }

    /// The track of a frame; `None` where there are too many.
    fn track(&mut self, frame: String, page: &Text) -> Option<Text> {
        if let Some(track) = self.tracks.get(&frame) {
            return Some(track.clone());
        }
        if self.frames == FRAMES {
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

/// Does what takes long for so many bytes where it holds up nothing else, and waits for it. `None` where it could not be
/// done.
async fn beside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match bytes > HEAVY {
        // It panicked, or the runtime ends.
        true => spawn_blocking(work).await.ok(),
        false => Some(work()),
    }
}
