// What happened during a recording: calls, their steps and events, and what the recording itself tells.

import type { Mark } from "../replay/messages";
import { printable } from "./names";
import type { ActivityRecord, EventRecord, RecordingRecord, Status } from "./records";

export const ENTRY_KINDS = [
  ["call", "Calls"],
  ["step", "Steps"],
  ["event", "Events"],
  ["navigation", "Pages"],
  ["click", "Clicks"],
  ["input", "Input"],
  ["error", "Console errors"],
  ["warning", "Console warnings"],
  ["console", "Console"],
  ["marker", "Markers"],
] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number][0];

/** A row of the list beside a recording, and a mark on its timeline. */
export interface Entry {
  key: string;
  /** Milliseconds since the Unix epoch. */
  at: number;
  kind: EntryKind;
  text: string;
  status: Status | null;
  /** The activity that it is about. */
  activity: string | null;
}

/** The part of a recording that belongs to a call. */
export interface CallRange {
  activity: ActivityRecord;
  from: number;
  /** The end of the recording if the call has not ended. */
  until: number;
}

/** The maximum number of steps, and of events, to list. */
const MAX_STEPS = 200;

/** Returns the ranges of the calls that are known, in order. */
export function callRanges(
  recording: RecordingRecord,
  calls: readonly ActivityRecord[],
  end: number,
): CallRange[] {
  return recording.links.flatMap((link) => {
    const activity = calls.find((one) => one.id === link.activity);
    const until = link.until === null ? end : Date.parse(link.until);
    return activity === undefined ? [] : [{ activity, from: Date.parse(link.from), until }];
  });
}

/** Returns all entries in order of time. */
export function entriesOf(
  ranges: readonly CallRange[],
  steps: readonly ActivityRecord[],
  events: readonly EventRecord[],
  marks: readonly Mark[],
): Entry[] {
  const calls = new Set(ranges.map((range) => range.activity.id));
  const entries: Entry[] = [
    ...ranges.flatMap((range) => startAndEnd(range.activity, "call", range.from)),
    ...steps
      .filter((one) => !calls.has(one.id))
      .slice(0, MAX_STEPS)
      .flatMap((one) => startAndEnd(one, "step", Date.parse(one.started_at))),
    ...events.slice(0, MAX_STEPS).map((one) => ({
      key: one.id,
      at: Date.parse(one.at),
      kind: "event" as const,
      text: printable(one.summary ?? one.type),
      status: one.status === "success" ? null : one.status,
      activity: one.activity,
    })),
    ...marks.map((one, n) => ({
      key: `mark ${n}`,
      at: one.at,
      kind: one.kind,
      text: printable(one.text),
      status: one.failed ? ("failed" as const) : null,
      activity: null,
    })),
  ];
  // Stable: what is at the same time stays in the order above.
  return entries.sort((a, b) => a.at - b.at);
}

/** The start of an activity, and its end: of a step only if it failed. */
function startAndEnd(activity: ActivityRecord, kind: "call" | "step", from: number): Entry[] {
  const { id, status, duration_ns: took } = activity;
  const name = printable(activity.name);
  const start: Entry = { key: `${id} start`, at: from, kind, text: name, status: null, activity: id };
  const hasEnd = took !== null && (kind === "call" || status === "failed");
  if (!hasEnd) {
    return [start];
  }
  const why = [activity.error_type, activity.message].filter((text) => text !== null && text !== "");
  const text = [`${name} ${ENDS[status] ?? status}`, ...why.map((one) => printable(one ?? ""))].join(" · ");
  const at = Date.parse(activity.started_at) + took / 1e6;
  return [start, { key: `${id} end`, at, kind, text, status, activity: id }];
}

const ENDS: Partial<Record<Status, string>> = { success: "succeeded" };

/** Counts entries by kind; the start and the end of an activity are one. */
export function countEntries(entries: readonly Entry[]): Map<EntryKind, number> {
  const counts = new Map<EntryKind, number>();
  const seen = new Set<string>();
  for (const { kind, activity, key } of entries) {
    const id = kind === "call" || kind === "step" ? (activity ?? key) : key;
    counts.set(kind, (counts.get(kind) ?? 0) + (seen.has(id) ? 0 : 1));
    seen.add(id);
  }
  return counts;
}

/** Returns the number of the last entry at or before a time; -1 if there is none. */
export function entryAt(entries: readonly Entry[], at: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.at ?? 0) <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}
