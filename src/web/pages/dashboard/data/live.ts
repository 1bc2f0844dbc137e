// The live stream of this window. Browsers open six connections to a server (HTTP/1.1), for all windows together: each window
// has one stream, and only while it is visible.

import { useLayoutEffect, useState } from "preact/hooks";
import { apiUrl } from "./api";
import { parseRecords } from "./json";

export type Connection = "off" | "connecting" | "on" | "lost";

/** A list that shows records of the stream as they come. */
export interface LiveList {
  q: string;
  what: "activities" | "events" | "recordings";
  /** The ID of the message up to which the list is complete; null if it is not known. */
  position: string | null;
  insert: (record: never) => void;
  /** Loads the list: messages were skipped, or `position` was not known. */
  reload: () => void;
}

/** Milliseconds until a rejected stream is opened again. They double up to the last. */
const REOPEN = { first: 5_000, last: 60_000 };

/** What is reported: the store has changed, or the stream was connected or lost. */
export type Change = "store" | "connected" | "lost";
type Watcher = (change: Change) => void;
const watchers = new Set<Watcher>();
let shown: { list: LiveList; show: (state: Connection) => void } | null = null;
let source: EventSource | null = null;
let opening: ReturnType<typeof setTimeout> | undefined;
let state: Connection = "connecting";
let newest: string | null = null;
let rejections = 0;

/** Calls at each change. Returns a function that ends it. */
export function onChange(watcher: Watcher): () => void {
  watchers.add(watcher);
  if (source === null) {
    reopen(0);
  }
  return () => watchers.delete(watcher);
}

/** Whether changes are reported. */
export function isConnected(): boolean {
  return state === "on";
}

/** The ID of the newest message: a list that is loaded from now on contains what it reports. */
export function newestPosition(): string | null {
  return newest;
}

/** Sends records to a list while `enabled`, and returns the state of the connection. */
export function useLive(list: LiveList, enabled: boolean): Connection {
  const [now, setNow] = useState<Connection>("connecting");
  useLayoutEffect(() => {
    if (!enabled) {
      return;
    }
    const mine = { list, show: setNow };
    shown = mine;
    setNow("connecting");
    reopen(0);
    return () => {
      if (shown === mine) {
        shown = null;
        reopen(0);
      }
    };
  }, [list, enabled]);
  return enabled ? now : "off";
}

/** Opens the stream that is wanted now. Several calls in a row open one. */
function reopen(ms: number): void {
  clearTimeout(opening);
  opening = setTimeout(open, ms);
}

function open(): void {
  source?.close();
  source = null;
  if (document.hidden || (watchers.size === 0 && shown === null)) {
    return;
  }
  const list = shown?.list ?? null;
  const after = list === null ? newest : list.position;
  const query = list === null ? { changes: "only", after } : { q: list.q, changes: "also", after };
  const now = new EventSource(apiUrl("live", query));
  source = now;
  let isFirst = true;
  now.onopen = () => {
    become("on");
    rejections = 0;
    // A reconnect resumes after the last message.
    if (isFirst && after === null) {
      list?.reload();
    }
    isFirst = false;
  };
  now.onerror = () => {
    become("lost");
    // The browser reconnects by itself, unless the request was rejected.
    if (now.readyState === EventSource.CLOSED) {
      // Perhaps because of the position.
      moveTo(list, null);
      reopen(Math.min(REOPEN.last, REOPEN.first * 2 ** rejections));
      rejections += 1;
    }
  };
  const receive = (kind: string, take: (data: string) => void) =>
    now.addEventListener(kind, (message) => {
      take(String(message.data));
      if (message.lastEventId !== "") {
        moveTo(list, message.lastEventId);
      }
      notify("store");
    });
  const insert = (what: string) => (data: string) =>
    list?.what === what && list.insert(parseRecords(data) as never);
  receive("activity", insert("activities"));
  receive("event", insert("events"));
  receive("gap", () => list?.reload());
  receive("change", () => undefined);
}

function moveTo(list: LiveList | null, position: string | null): void {
  newest = position;
  if (list !== null) {
    list.position = position;
  }
}

function become(to: Connection): void {
  const isNew = state !== to;
  state = to;
  shown?.show(to);
  if (isNew && to !== "connecting") {
    notify(to === "on" ? "connected" : "lost");
  }
}

function notify(change: Change): void {
  for (const watcher of [...watchers]) {
    watcher(change);
  }
}

/** Closes the stream while the document is hidden. */
function onVisibility(): void {
  if (document.hidden) {
    source?.close();
    source = null;
  } else {
    become("connecting");
    reopen(0);
  }
}

globalThis.document?.addEventListener("visibilitychange", onVisibility);
