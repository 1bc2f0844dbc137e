// Generated from openapi.json by `npm run generate`.

/**
 * Where every record of an instance went, cumulative.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Accounting".
 */
export type Accounting = (ActivityAccounting & {
events: EventAccounting
/**
 * How often files of the store were moved, removed or replaced while it was open.
 */
files_replaced: number
/**
 * Ends that came after the activity had been written as abandoned.
 */
late_ends: number
/**
 * Calls that were answered before their activity was committed, though the log is to be
 * [`Durable`](crate::Mode::Durable).
 */
not_durable: number
recordings: RecordingAccounting
/**
 * Payloads and attributes of which nothing was kept because a redactor panicked.
 */
redactor_panics: number
/**
 * Rows that were copied from such files into those that stand in their place.
 */
rows_rescued: number
})
/**
 * One activity, the tree that it stands in, and what happened inside of it.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityDetails".
 */
export type ActivityDetails = (ActivityRecord & {
/**
 * What happened inside of it, oldest first; where there is more, the newest
 * [`LARGEST_PAGE`](crate::store::LARGEST_PAGE).
 */
events: EventRecord[]
/**
 * What was recorded of it, in order of begin.
 */
recordings: RecordingRecord[]
/**
 * All of the tree that it stands in, in order of start.
 */
tree: ActivityRecord[]
})
/**
 * An activity as it is read back: from the API, the CLI's `--json`, an export.
 * 
 * Every field is always present in JSON, `null` where nothing is known.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityRecord".
 */
export type ActivityRecord = (Scope & {
/**
 * True when it is dated ahead of the present as its reader knows it: some clock was wrong. Lists show it last.
 */
ahead: boolean
/**
 * What the code said about it, redacted.
 */
attributes: {

}
/**
 * How long it took in nanoseconds, by a monotonic clock. `None` while it runs and when it was abandoned.
 */
duration_ns: (number | null)
/**
 * When it ended: the start plus the duration. `None` while it runs and when it was abandoned.
 */
ended_at: (string | null)
error_type: (Text | null)
/**
 * True when a recording is linked to it.
 */
has_recording: boolean
id: ActivityId
input: (Preview | null)
instance: InstanceId
kind: Kind
message: (Text | null)
name: Text
output: (Preview | null)
parent: (ActivityId | null)
remote_parent: (SpanId | null)
root: ActivityId
/**
 * Its place in the order of commits; `None` while it is not in the table of ended activities.
 */
seq: (number | null)
span_id: SpanId
/**
 * When it started, UTC, to the microsecond.
 */
started_at: string
status: Status
trace_id: TraceId
/**
 * True when an attribute was refused because a limit was reached.
 */
truncated: boolean
})
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Text".
 */
export type Text = string
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityId".
 */
export type ActivityId = string
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "InstanceId".
 */
export type InstanceId = string
/**
 * What sort of work an activity is.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Kind".
 */
export type Kind = ("tool" | "prompt" | "resource" | "http" | "grpc" | "job" | "turn" | "custom")
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "SpanId".
 */
export type SpanId = string
/**
 * How an activity stands or ended: the one vocabulary for it.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Status".
 */
export type Status = ("running" | "success" | "failed" | "cancelled" | "skipped" | "abandoned")
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "TraceId".
 */
export type TraceId = string
/**
 * An event as it is read back: one fact at one instant.
 * 
 * Every field is always present in JSON, `null` where nothing is known.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventRecord".
 */
export type EventRecord = (Scope & {
activity: (ActivityId | null)
/**
 * True when it is dated ahead of the present as its reader knows it: some clock was wrong. Lists show it last.
 */
ahead: boolean
/**
 * When it happened, UTC, to the microsecond.
 */
at: string
/**
 * How many things it tells of: `3` for three endpoints added.
 */
count: number
/**
 * The details as JSON, redacted.
 */
data: {
[k: string]: unknown
}
dedup_key: (Text | null)
id: EventId
instance: InstanceId
reference: (Text | null)
/**
 * Its place in the order of commits.
 */
seq: number
status: Status
summary: (Text | null)
/**
 * True when something was refused because it was too large: the data, the key.
 */
truncated: boolean
type: Text
})
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventId".
 */
export type EventId = string
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingId".
 */
export type RecordingId = string
/**
 * How a recording stands or ended.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingStatus".
 */
export type RecordingStatus = ("recording" | "complete" | "lost" | "crashed" | "gone" | "timed_out" | "truncated" | "abandoned")
/**
 * One activity with its tree, events and recordings.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityResponse".
 */
export type ActivityResponse = (ActivityDetails & {
/**
 * Number of activities in its tree.
 */
tree_size: number
})
/**
 * A digest as data and as Markdown.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "DigestResponse".
 */
export type DigestResponse = (Digest & {
markdown: string
})
/**
 * The health of the store.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "HealthResponse".
 */
export type HealthResponse = (Health & {
accounting: (Accounting | null)
/**
 * True if the accounting of every instance adds up and the last check found every committed row. Losses are counted in
 * the accounting by reason, and do not make it false.
 */
ok: boolean
/**
 * Webhooks of the store; `null` if they cannot be read (see the server's log). `url` is only the origin, because the rest
 * may be a secret.
 */
webhooks: (WebhookStatus[] | null)
})
/**
 * The addresses that a webhook may send to.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Reach".
 */
export type Reach = ("public" | "private")
/**
 * Which records are meant: activities or events.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "What".
 */
export type What = ("activities" | "events")
/**
 * One step of a history.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Point".
 */
export type Point = (Period & Figures)
/**
 * What happened in one window for one project, agent, name or brand.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Ranked".
 */
export type Ranked = (Figures & {
id: Text
})

export interface Unused {
[k: string]: unknown
}
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityAccounting".
 */
export interface ActivityAccounting {
/**
 * Activities that were admitted, and written as abandoned because the log or its process ended before their end
 * was in the store.
 */
abandoned: number
/**
 * In the store.
 */
committed: number
ended: number
/**
 * Refused by the store one by one.
 */
lost_refused: number
/**
 * Not in the store when the log was shut down.
 */
lost_shutdown: number
/**
 * Activities that were admitted and have not ended.
 */
open: number
/**
 * Not admitted because the log was shut down.
 */
rejected_closed: number
/**
 * Not recorded because this process is the child of a fork. A child's numbers begin with what its parent
 * had open or had just left at that moment, which the parent goes on with; the parent's know nothing of it.
 */
rejected_forked: number
/**
 * Not admitted because a memory bound was reached.
 */
rejected_memory: number
/**
 * What was to be recorded.
 */
started: number
/**
 * Ended or handed over, and not yet in the store.
 */
waiting: number
}
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventAccounting".
 */
export interface EventAccounting {
/**
 * In the store.
 */
committed: number
/**
 * Events that are not in the store because an earlier one has the same key, type, project and actor.
 */
duplicates: number
/**
 * Refused by the store one by one.
 */
lost_refused: number
/**
 * Not in the store when the log was shut down.
 */
lost_shutdown: number
/**
 * What was to be recorded.
 */
recorded: number
/**
 * Not admitted because the log was shut down.
 */
rejected_closed: number
/**
 * Not recorded because this process is the child of a fork. A child's numbers begin with what its parent
 * had open or had just left at that moment, which the parent goes on with; the parent's know nothing of it.
 */
rejected_forked: number
/**
 * Log lines that were not admitted because their activity had taken as many as it may, or had ended.
 */
rejected_limit: number
/**
 * Not admitted because a memory bound was reached.
 */
rejected_memory: number
/**
 * Events that were not admitted because their type is empty, or not on the log's list of types.
 */
rejected_type: number
/**
 * Ended or handed over, and not yet in the store.
 */
waiting: number
}
/**
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingAccounting".
 */
export interface RecordingAccounting {
/**
 * In the store.
 */
committed: number
/**
 * Refused by the store one by one.
 */
lost_refused: number
/**
 * Not in the store when the log was shut down.
 */
lost_shutdown: number
/**
 * What was to be recorded.
 */
recorded: number
/**
 * Not admitted because the log was shut down.
 */
rejected_closed: number
/**
 * Not admitted because a memory bound was reached.
 */
rejected_memory: number
/**
 * Ended or handed over, and not yet in the store.
 */
waiting: number
}
/**
 * For whom and where an activity ran. Children inherit it as it is when they start.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Scope".
 */
export interface Scope {
actor: (Text | null)
agent: (Text | null)
brand: (Text | null)
environment: (Text | null)
project: (Text | null)
request: (Text | null)
session: (Text | null)
}
/**
 * A payload as it was kept: redacted, then capped.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Preview".
 */
export interface Preview {
/**
 * The size of the payload in bytes before redaction and capping. Where it was capped, it is at least so large: the
 * rest is not serialized to be counted.
 */
bytes: number
/**
 * The redacted, possibly capped text: JSON where the payload was JSON and nothing was cut off.
 */
text: string
/**
 * True when the text was capped.
 */
truncated: boolean
}
/**
 * A recording as it is read back: a stream of chunks that a browser session, a terminal or the like left.
 * 
 * Every field is always present in JSON, `null` where nothing is known.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingRecord".
 */
export interface RecordingRecord {
/**
 * How many bytes it takes, compressed.
 */
bytes: number
/**
 * When it ended. `None` while it goes on and when it was abandoned.
 */
ended_at: (string | null)
/**
 * How many events it has.
 */
events: number
format: Text
id: RecordingId
instance: InstanceId
/**
 * The activities that it belongs to, in order of their ranges.
 */
links: RecordingLink[]
/**
 * How many events are known to be missing.
 */
lost: number
/**
 * When it began, UTC, to the microsecond.
 */
started_at: string
status: RecordingStatus
/**
 * Its tracks in order of their first chunks: the tabs of a browser. A terminal has one, without a name.
 */
tracks: Text[]
}
/**
 * Which part of a recording belongs to an activity.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingLink".
 */
export interface RecordingLink {
activity: ActivityId
/**
 * From when on the recording was attached to it.
 */
from: string
/**
 * When the activity ended. `None` until everything up to there has been flushed: the link is pending.
 */
until: (string | null)
}
/**
 * A page of activities.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ActivityPage".
 */
export interface ActivityPage {
/**
 * The activities, newest first.
 */
activities: ActivityRecord[]
/**
 * Cursor of the next page; `null` on the last one.
 */
next: (string | null)
}
/**
 * A chunk of a recording.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Chunk".
 */
export interface Chunk {
/**
 * Number of events.
 */
events: number
from: string
number: number
/**
 * Content; `null` if the chunk is damaged.
 */
text: (string | null)
track: Text
until: string
}
/**
 * How the clocks of a store stand. They are apart where a wall clock was set, and where nobody had the store open.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "ClockHealth".
 */
export interface ClockHealth {
/**
 * For how many seconds of running nothing has contradicted the wall clock. After a day the store's clock follows it.
 */
agreed_s: number
/**
 * What the store's own clock showed when a log last brought it up to date. It stands still while no log is open.
 */
store: string
/**
 * What that log's wall clock showed.
 */
wall: string
}
/**
 * What happened lately: typed, and as Markdown with [`list`](Self::list) and [`grouped`](Self::grouped).
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Digest".
 */
export interface Digest {
/**
 * The newest events, newest first, as many as were asked for.
 */
events: EventRecord[]
/**
 * The newest of those that failed, newest first, as many as were asked for.
 */
failures: EventRecord[]
/**
 * True when it goes back to the viewer's midnight.
 */
today: boolean
/**
 * All events that were meant, counted by type, those with most first.
 */
types: TypeCount[]
zone: Text
}
/**
 * How many events of one type there were.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "TypeCount".
 */
export interface TypeCount {
/**
 * How many things they tell of together: the sum of their counts.
 */
count: number
/**
 * Events.
 */
events: number
/**
 * Those that failed.
 */
failed: number
type: Text
}
/**
 * A page of events.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventPage".
 */
export interface EventPage {
/**
 * The events, newest first.
 */
events: EventRecord[]
/**
 * Cursor of the next page; `null` on the last one.
 */
next: (string | null)
}
/**
 * The committed event.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventReceipt".
 */
export interface EventReceipt {
id: EventId
}
/**
 * Events by type.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "EventTypes".
 */
export interface EventTypes {
/**
 * By number of events, highest first.
 */
types: TypeCount[]
window: Period
}
/**
 * A span of time: from its start up to, and without, its end.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Period".
 */
export interface Period {
/**
 * When the next one begins.
 */
end: string
/**
 * When it begins.
 */
start: string
}
/**
 * What one field takes up.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "FieldGrowth".
 */
export interface FieldGrowth {
/**
 * How many bytes were written for it in the last 24 hours, as that mean has it.
 */
bytes_per_day: number
/**
 * Its name.
 */
field: string
/**
 * How many bytes it has in the mean, over the newest records of its sort; 0 where that is less than one half.
 */
mean_bytes: number
/**
 * Of what it is a field: `activity`, `event` or `chunk`.
 */
of: string
}
/**
 * What happened in a span of time.
 * 
 * Percentiles are off by at most 1/32 (3.2 %). A turn is an activity of the kind `turn`; of an agent that has
 * never taken one, an activity without a parent.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Figures".
 */
export interface Figures {
/**
 * Agents of which something started.
 */
active_agents: number
/**
 * Those that were cancelled.
 */
cancelled: number
/**
 * Activities that started then and have ended, or were abandoned.
 */
count: number
/**
 * Those that failed.
 */
failed: number
/**
 * The longest duration, in nanoseconds.
 */
max_ns: (number | null)
/**
 * The mean duration, in nanoseconds.
 */
mean_ns: (number | null)
/**
 * The mean time from the start of an agent's turn to the start of its next, both within the span, in nanoseconds.
 */
mean_turn_ns: (number | null)
/**
 * The shortest duration, in nanoseconds.
 */
min_ns: (number | null)
/**
 * The duration that one half did not exceed, in nanoseconds.
 */
p50_ns: (number | null)
/**
 * The duration that 95 % did not exceed, in nanoseconds.
 */
p95_ns: (number | null)
/**
 * The duration that 99 % did not exceed, in nanoseconds.
 */
p99_ns: (number | null)
/**
 * The turns of all agents.
 */
turns: number
/**
 * Turns in each hour that has passed of it.
 */
turns_per_hour: number
}
/**
 * How fast a store grows: counts of the last 24 hours, and what the newest records of each sort hold.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Growth".
 */
export interface Growth {
/**
 * Activities that ended in the last 24 hours, as far as these were committed in order of start.
 */
activities_per_day: number
/**
 * Chunks of recordings of the last 24 hours.
 */
chunks_per_day: number
/**
 * Events of the last 24 hours.
 */
events_per_day: number
/**
 * What takes up room, field by field; what the newest records have none of is left out.
 */
fields: FieldGrowth[]
}
/**
 * How a store stands.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Health".
 */
export interface Health {
/**
 * Activities whose process, or log, ended before they did.
 */
abandoned: number
/**
 * Ended activities.
 */
activities: number
/**
 * Activities and events that are dated ahead of the present: some clock was wrong when they were recorded, or is wrong
 * now.
 */
ahead: number
/**
 * The size of the store in bytes.
 */
bytes: number
clock: (ClockHealth | null)
/**
 * Events.
 */
events: number
growth: Growth
/**
 * Every instance that has written here, newest first.
 */
instances: InstanceHealth[]
last_check: (LastCheck | null)
retention: RetentionFields
/**
 * Activities listed as open, by living instances.
 */
running: number
/**
 * The version of the schema.
 */
schema: number
/**
 * Activities and events that the index for searching has not come to yet. Searches look at them one by one.
 */
unindexed: number
}
/**
 * How one instance stands.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "InstanceHealth".
 */
export interface InstanceHealth {
accounting: Accounting
/**
 * True while its process holds its lock.
 */
alive: boolean
/**
 * The host's name.
 */
host: string
id: InstanceId
/**
 * The process.
 */
pid: number
/**
 * When its numbers were saved last; `None` when they never were.
 */
saved_at: (string | null)
/**
 * When it was opened.
 */
started_at: string
/**
 * When it was shut down; `None` while it lives and when it died.
 */
stopped_at: (string | null)
}
/**
 * The last check that upkeep finished: it compares the ledger with the rows once a day, in steps.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "LastCheck".
 */
export interface LastCheck {
/**
 * When the last check began that found every row; `None` where none has.
 */
complete_at: (string | null)
/**
 * When it had compared everything.
 */
finished_at: string
/**
 * Rows that it missed.
 */
missing: number
/**
 * Rows that were too many.
 */
surplus: number
}
/**
 * How a [`Retention`] is written as JSON: seconds, or `null` for no limit; and bytes, where they are limited.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RetentionFields".
 */
export interface RetentionFields {
activities_bytes?: (number | null)
activities_s?: (number | null)
events_bytes?: (number | null)
events_s?: (number | null)
previews_bytes?: (number | null)
previews_s?: (number | null)
recordings_bytes?: (number | null)
recordings_s?: (number | null)
sums_bytes?: (number | null)
sums_s?: (number | null)
}
/**
 * A webhook with its status.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "WebhookStatus".
 */
export interface WebhookStatus {
/**
 * Time of the next attempt.
 */
again_at: (string | null)
/**
 * Positions in commit order that are left. Each may hold a record to send, one that does not match, or a pruned one.
 */
behind: number
/**
 * Number of dead letters.
 */
dead_letters: number
/**
 * Number of records delivered.
 */
delivered: number
/**
 * Time of the last delivery.
 */
delivered_at: (string | null)
/**
 * Filter of the records, in the filter grammar; empty for all.
 */
filter: string
/**
 * Its name.
 */
name: string
reach: Reach
/**
 * Position in commit order: every record up to it was delivered, became a dead letter, or does not match.
 */
seq: number
/**
 * When the webhook stopped, because its receiver answered 410 Gone.
 */
stopped_at: (string | null)
/**
 * Last error since the last delivery.
 */
trouble: (string | null)
/**
 * Time of the first error since the last delivery.
 */
trouble_since: (string | null)
/**
 * Destination.
 */
url: string
what: What
}
/**
 * What happened in one window.
 * 
 * An activity counts where it started, once it has ended. Percentiles are off by at most 1/32 (3.2 %).
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Metrics".
 */
export interface Metrics {
current: Figures
/**
 * An instant of the window before, where sums are kept of it.
 */
earlier: (string | null)
/**
 * Its steps, in order of time; those that lie ahead are left out.
 */
history: Point[]
/**
 * An instant of the window after, where that has begun.
 */
later: (string | null)
window: Period
}
/**
 * An event to record.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "NewEvent".
 */
export interface NewEvent {
actor?: (string | null)
agent?: (string | null)
brand?: (string | null)
/**
 * Number of items it covers [default: 1].
 */
count?: (number | null)
/**
 * Details.
 */
data?: {
[k: string]: unknown
}
/**
 * Deduplication key: repeats with the same type, project and actor are ignored.
 */
dedup_key?: (string | null)
environment?: (string | null)
project?: (string | null)
/**
 * What it refers to: a URL, a version, an ID.
 */
reference?: (string | null)
request?: (string | null)
session?: (string | null)
status?: (Status | null)
/**
 * One-line summary.
 */
summary?: (string | null)
/**
 * Event type in snake_case.
 */
type: string
}
/**
 * An error response.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Problem".
 */
export interface Problem {
/**
 * The kind of problem, for programs.
 */
code: string
/**
 * What went wrong in this request.
 */
detail: string
/**
 * How to fix it.
 */
help?: (string | null)
/**
 * The invalid part of the filter, as a range of characters: start, and end (exclusive).
 */
span?: (number[] | null)
status: number
/**
 * The reason phrase of the status.
 */
title: string
}
/**
 * A ranking.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "Ranking".
 */
export interface Ranking {
/**
 * By number of activities, highest first.
 */
ranking: Ranked[]
window: Period
}
/**
 * The recordings of an activity.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "RecordingList".
 */
export interface RecordingList {
/**
 * In order of start.
 */
recordings: RecordingRecord[]
}
/**
 * A page of a tree.
 * 
 * This interface was referenced by `Unused`'s JSON-Schema
 * via the `definition` "TreePage".
 */
export interface TreePage {
/**
 * The activities in order of start, without `input` and `output`.
 */
activities: ActivityRecord[]
/**
 * Cursor of the next page; `null` on the last one.
 */
next: (string | null)
/**
 * Number of activities in the whole tree that match the filter.
 */
total: number
}

export const FILTER_FIELDS = [
  {
    "name": "status",
    "alias": null,
    "description": "state or outcome",
    "type": "enum",
    "values": [
      "running",
      "success",
      "failed",
      "cancelled",
      "skipped",
      "abandoned"
    ],
    "examples": [],
    "list": true
  },
  {
    "name": "kind",
    "alias": null,
    "description": "kind of work",
    "type": "enum",
    "values": [
      "tool",
      "prompt",
      "resource",
      "http",
      "grpc",
      "job",
      "turn",
      "custom"
    ],
    "examples": [],
    "list": true
  },
  {
    "name": "name",
    "alias": null,
    "description": "name; * matches anything",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "type",
    "alias": null,
    "description": "event type",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "project",
    "alias": null,
    "description": "project it belongs to",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "agent",
    "alias": null,
    "description": "agent that made the call",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "actor",
    "alias": null,
    "description": "user it ran for",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "brand",
    "alias": null,
    "description": "site or product",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "environment",
    "alias": "env",
    "description": "production, development, …",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "session",
    "alias": null,
    "description": "client session or conversation",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "request",
    "alias": null,
    "description": "client request ID",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "error",
    "alias": null,
    "description": "error type of a failure",
    "type": "pattern",
    "values": [],
    "examples": [],
    "list": true
  },
  {
    "name": "since",
    "alias": null,
    "description": "started at or after: age or date",
    "type": "time",
    "values": [],
    "examples": [
      "15m",
      "1h",
      "24h",
      "7d",
      "30d"
    ],
    "list": false
  },
  {
    "name": "until",
    "alias": null,
    "description": "started before: age or date",
    "type": "time",
    "values": [],
    "examples": [
      "1h",
      "24h",
      "7d"
    ],
    "list": false
  },
  {
    "name": "duration",
    "alias": null,
    "description": "duration: bound or range",
    "type": "duration",
    "values": [],
    "examples": [
      ">100ms",
      ">1s",
      ">10s",
      "<100ms"
    ],
    "list": false
  },
  {
    "name": "has",
    "alias": null,
    "description": "field that is set",
    "type": "enum",
    "values": [
      "recording",
      "error",
      "message",
      "input",
      "output",
      "parent",
      "duration",
      "project",
      "agent",
      "actor",
      "brand",
      "environment",
      "session",
      "request"
    ],
    "examples": [],
    "list": true
  }
] as const;
