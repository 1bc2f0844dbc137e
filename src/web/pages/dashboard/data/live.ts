import { useEffect, useRef, useState } from "preact/hooks";
import { apiUrl } from "./api";
import { parseRecords } from "./json";
import type { ActivityRecord, EventRecord } from "./records";

/** Handlers of live messages. */
export interface LiveHandlers {
  activity?: (activity: ActivityRecord) => void;
  event?: (event: EventRecord) => void;
  /** Connected: later commits arrive as messages, earlier ones are in the store. */
  onOpen?: () => void;
  /** Messages were skipped. */
  gap?: () => void;
}

export type Connection = "off" | "connecting" | "on" | "lost";

/** Subscribes to records that match a filter while `enabled`, and returns the state of the connection. */
export function useLive(q: string, enabled: boolean, handlers: LiveHandlers): Connection {
  const [state, setState] = useState<Connection>("connecting");
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(() => {
    if (!enabled) {
      setState("off");
      return;
    }
    setState("connecting");
    let retry: ReturnType<typeof setTimeout> | undefined;
    let source: EventSource | undefined;
    const open = () => {
      let first = true;
      const now = new EventSource(apiUrl("live", { q }));
      source = now;
      now.onopen = () => {
        setState("on");
        // A reconnect resumes after the last message.
        if (first) {
          first = false;
          latest.current.onOpen?.();
        }
      };
      now.onerror = () => {
        setState("lost");
        // The browser reconnects by itself, unless the request was rejected.
        if (now.readyState === EventSource.CLOSED) {
          retry = setTimeout(open, 3_000);
        }
      };
      now.addEventListener("activity", (message) =>
        latest.current.activity?.(parseRecords(String(message.data)) as ActivityRecord),
      );
      now.addEventListener("event", (message) =>
        latest.current.event?.(parseRecords(String(message.data)) as EventRecord),
      );
      now.addEventListener("gap", () => latest.current.gap?.());
    };
    open();
    return () => {
      clearTimeout(retry);
      source?.close();
    };
  }, [q, enabled]);
  return state;
}
