import { useEffect, useRef, useState } from "preact/hooks";
import { address } from "./api";
import type { Activity, Fact } from "./records";

/** What happens, as it happens. */
export interface Heard {
  activity?: (activity: Activity) => void;
  event?: (event: Fact) => void;
  /** From now on everything is heard; what happened before is on record. */
  begun?: () => void;
  /** So much happened that some of it was left out. */
  gap?: () => void;
}

export type Hearing = "off" | "connecting" | "on" | "lost";

/** Listens to what a filter means while `listening`, and says whether it hears. */
export function useLive(q: string, listening: boolean, heard: Heard): Hearing {
  const [state, setState] = useState<Hearing>("connecting");
  const latest = useRef(heard);
  latest.current = heard;
  useEffect(() => {
    if (!listening) {
      setState("off");
      return;
    }
    setState("connecting");
    let again: ReturnType<typeof setTimeout> | undefined;
    let source: EventSource | undefined;
    const open = () => {
      let first = true;
      const now = new EventSource(address("live", { q }));
      source = now;
      now.onopen = () => {
        setState("on");
        // Connected once more, it goes on where it was.
        if (first) {
          first = false;
          latest.current.begun?.();
        }
      };
      now.onerror = () => {
        setState("lost");
        // A browser connects again by itself, unless it was refused.
        if (now.readyState === EventSource.CLOSED) {
          again = setTimeout(open, 3_000);
        }
      };
      now.addEventListener("activity", (message) =>
        latest.current.activity?.(JSON.parse(String(message.data)) as Activity),
      );
      now.addEventListener("event", (message) =>
        latest.current.event?.(JSON.parse(String(message.data)) as Fact),
      );
      now.addEventListener("gap", () => latest.current.gap?.());
    };
    open();
    return () => {
      clearTimeout(again);
      source?.close();
    };
  }, [q, listening]);
  return state;
}
