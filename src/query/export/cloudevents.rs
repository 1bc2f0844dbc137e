//! Records as CloudEvents 1.0 in the JSON format.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::record::{ActivityRecord, EventRecord, InstanceId};

/// A record as a CloudEvent 1.0. Serializes to the JSON format. `source` and `id` together are globally unique.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: DateTime<Utc>,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Activity(&'a ActivityRecord),
    Event(&'a EventRecord),
}

impl<'a> CloudEvent<'a> {
    /// Returns an ended activity as a CloudEvent of type `com.github.tower-activity.activity.<status>`, at the time of its end.
    pub fn from_activity(record: &'a ActivityRecord) -> Self {
        CloudEvent {
            specversion: "1.0",
            id: record.id.to_string(),
            source: source(record.instance),
            event_type: format!("com.github.tower-activity.activity.{}", record.status),
            subject: not_empty(&record.name),
            time: record.ended_at.unwrap_or(record.started_at),
            datacontenttype: "application/json",
            data: Data::Activity(record),
        }
    }

    /// Returns an event as a CloudEvent of type `com.github.tower-activity.event.<type>`.
    pub fn from_event(record: &'a EventRecord) -> Self {
        CloudEvent {
            specversion: "1.0",
            id: record.id.to_string(),
            source: source(record.instance),
            event_type: format!("com.github.tower-activity.event.{}", record.event_type),
            subject: record.reference.as_deref().and_then(not_empty),
            time: record.at,
            datacontenttype: "application/json",
            data: Data::Event(record),
        }
    }
}

fn source(instance: InstanceId) -> String {
    format!("urn:uuid:{instance}")
}

/// The specification forbids empty subjects.
fn not_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
