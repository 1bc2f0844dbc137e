//! The recorder task: attaches to the pages of a browser, and appends the events they send.

mod flush;

use std::collections::{HashMap, HashSet};

use serde_json::json;
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
            cdp::{Connection, Frame},
            console::ConsoleMessage,
            message::{Attached, BindingCalled, Event, ExecutionContext, Incoming},
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
/// Maximum number of pages and iframes recorded at once, and of pages in all: a page can open any number.
const MAX_TABS: usize = 256;
const MAX_PAGES: usize = 10_000;
/// Maximum number of messages on consoles: a page can write any number.
const MAX_CONSOLE: usize = 1_000;
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
    /// Number of messages on consoles so far.
    console: usize,
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
            console: 0,
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
                            Some(Incoming::Response(id, value)) => {
                                self.signal_start(id);
                                self.on_response(id, value.as_deref()).await;
                            }
                            Some(Incoming::Event(event, session)) => self.on_event(event, &session).await,
                            None => self.sink.lost(1),
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

    async fn on_event(&mut self, event: Event, session: &str) {
        match event {
            Event::Attached(attached) => self.on_attached(attached, session).await,
            Event::Detached(detached) => {
                self.forget_session(&detached.session_id);
                self.tabs.remove(&detached.session_id);
            }
            Event::BindingCalled(call) if call.name == self.binding => {
                self.append_events(session, call).await;
            }
            // The first document of a popup may replace an empty one in which the script has already run.
            Event::FrameNavigated(navigated) if navigated.is_main() => {
                self.run_script(session).await;
            }
            Event::ContextCreated(created) => self.on_context(created.context, session),
            Event::ContextDestroyed(destroyed) => {
                if let Some(tab) = self.tabs.get_mut(session) {
                    let id = destroyed.execution_context_id;
                    tab.contexts.retain(|context| context.id != id);
                }
            }
            Event::ContextsCleared => {
                if let Some(tab) = self.tabs.get_mut(session) {
                    tab.contexts.clear();
                }
            }
            Event::Console(message) => self.append_console(session, message).await,
            Event::Crashed => {
                if let Some(tab) = self.tabs.get_mut(session) {
                    tab.crashed = true;
                    self.sink.worsen(RecordingStatus::Crashed);
                    self.forget_session(session);
                }
            }
            Event::ReloadedAfterCrash => {
                if let Some(tab) = self.tabs.get_mut(session) {
                    tab.crashed = false;
                }
            }
            Event::BindingCalled(_) | Event::FrameNavigated(_) | Event::Other => {}
        }
    }

    /// Tracks a context if the script runs in it.
    fn on_context(&mut self, context: ExecutionContext, session: &str) {
        let Some(tab) = self.tabs.get_mut(session) else {
            return;
        };
        let runs_script = match self.world {
            World::Main => context.aux_data.is_default,
            World::Isolated => context.name == self.binding,
        };
        let context = Context {
            id: context.id,
            unique_id: context.unique_id,
            frame: context.aux_data.frame_id,
        };
        if runs_script && !tab.add_context(context) {
            self.sink.lost(1);
        }
    }

    /// Starts recording an attached target, or detaches from it if it is not to be recorded.
    async fn on_attached(&mut self, attached: Attached, parent: &str) {
        let (session, info) = (attached.session_id, attached.target_info);
        let target = info.target_id;
        let wanted = match &self.target {
            _ if self.tabs.contains_key(parent) => true,
            Target::All => true,
            Target::Context(id) => info.browser_context_id.as_deref() == Some(id),
            Target::Page(id) => {
                let is_opener = |tab: &Tab| info.opener_id.as_deref() == Some(&tab.target);
                target == *id || self.tabs.values().any(is_opener)
            }
        };
        let fits = self.tabs.len() < MAX_TABS && self.pages < MAX_PAGES;
        if wanted && !fits {
            self.sink.lost(1);
        }
        if !(wanted && fits) {
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
            // Required for `Runtime.bindingCalled`, and reports messages on the console.
            ("Runtime.enable", json!({})),
            ("Runtime.addBinding", binding),
            ("Page.addScriptToEvaluateOnNewDocument", script),
        ];
        let mut enable_call = 0;
        for (method, params) in calls {
            let call = self.connection.call(Some(&session), method, params).await;
            if method == "Runtime.enable" {
                enable_call = call;
            }
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
        self.tabs
            .insert(session, Tab::new(target, track, enable_call));
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
    async fn append_events(&mut self, session: &str, call: BindingCalled) {
        let Some(tab) = self.tabs.get_mut(session) else {
            return;
        };
        let Some(batch) = EventBatch::parse(call.payload) else {
            return;
        };
        self.sink.lost(tab.receive(&batch));
        let (frame, page) = (
            tab.frame(call.execution_context_id).to_owned(),
            tab.track.clone(),
        );
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

    /// Appends a message on the console of a page.
    async fn append_console(&mut self, session: &str, message: ConsoleMessage) {
        let tab = self.tabs.get(session);
        let Some(tab) = tab.filter(|tab| tab.records_console) else {
            return;
        };
        if self.console == MAX_CONSOLE {
            return self.sink.lost(1);
        }
        self.console += 1;
        // A frame without events of its own is part of its page.
        let frame = self.tracks.get(tab.frame(message.context));
        let track = frame.unwrap_or(&tab.track).clone();
        let sink = self.sink.clone();
        let appended = offload(message.len(), move || message.append(&sink, track));
        if appended.await.is_none() {
            self.sink.lost(1);
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
