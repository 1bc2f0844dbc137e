//! Calls to a service under the layer, and which of them were acknowledged.

use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_activity::{
    Activity, ActivityLayer, ActivityLog, Describe, Mode,
    record::Capture,
    recording::{Chunk, Stream},
};

use crate::foreign_clients::recorder::{Answer, PATIENCE, chain};

/// Makes calls to a service under the layer.
pub struct Calls {
    log: ActivityLog,
    mode: Mode,
    runtime: tokio::runtime::Runtime,
}

impl Calls {
    pub fn new(log: &ActivityLog, mode: Mode) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Calls {
            log: log.clone(),
            mode,
            runtime,
        }
    }

    /// Records calls, each with an event, some with a recording, and flushes.
    pub fn record(&self, count: u64) -> Answer {
        self.runtime.block_on(self.call(count))
    }

    async fn call(&self, count: u64) -> Answer {
        let service = service_fn(async |number: u64| {
            let activity = Activity::current();
            let (text, payload) = content(number);
            activity.set("number", number);
            activity.set_input(&payload, Capture::Full);
            let event = activity.event("step").count(number).summary(text);
            let event = event.data(payload).record();
            let mut recording = None;
            if number.is_multiple_of(5) {
                let stream = activity.attach(Stream::new("frames")).await;
                stream.append(Chunk::new("a frame"));
                recording = stream.id();
            }
            Ok::<_, std::io::Error>((activity.id(), event.id(), recording))
        });
        let describe = |_: &u64| Describe::job("call").project("acme").actor("ann");
        let layer = ActivityLayer::new(&self.log).describe(describe);
        let mut service = layer.layer(service);
        let not_durable = || self.log.accounting().not_durable;
        let mut answer = Answer::default();
        let mut unflushed = Answer::default();
        for _ in 0..count {
            let number = fastrand::u64(0..1_000);
            let before = not_durable();
            let call = service.ready().await.unwrap().call(number).await;
            let (activity, event, recording) = call.unwrap();
            let is_late = not_durable() > before;
            let ended = match self.mode {
                Mode::Durable if !is_late => &mut answer,
                _ => &mut unflushed,
            };
            ended.activities.extend(activity.map(|id| id.to_string()));
            unflushed.events.extend(event.map(|id| id.to_string()));
            let recording = recording.map(|id| id.to_string());
            unflushed.recordings.extend(recording);
            if is_late {
                break;
            }
        }
        match self.log.flush().timeout(PATIENCE).await {
            Ok(()) => answer.append(unflushed),
            Err(error) => answer.error = Some(chain(&error)),
        }
        answer
    }
}

/// The event and input of a call, of many lengths, so that rows span pages.
pub fn content(number: u64) -> (String, Value) {
    let text = "so it goes ".repeat(number as usize * 7 % 40);
    let payload = json!({"number": number, "lines": vec![text.len(); number as usize % 60]});
    (text, payload)
}
