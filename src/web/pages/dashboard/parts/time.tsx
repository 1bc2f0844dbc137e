import { useEffect, useState } from "preact/hooks";
import { ago, duration, instant, time } from "../data/format";
import type { Activity } from "../data/records";

const watchers = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, again every second while somebody looks. */
export function useNow(active = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) {
      return;
    }
    watchers.add(setNow);
    timer ??= setInterval(() => {
      const at = Date.now();
      for (const tell of watchers) {
        tell(at);
      }
    }, 1_000);
    return () => {
      watchers.delete(setNow);
      if (watchers.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    };
  }, [active]);
  return now;
}

/** How long an activity took, or has been running. */
export function Took({ activity }: { activity: Pick<Activity, "status" | "started_at" | "duration_ns"> }) {
  const running = activity.status === "running";
  const now = useNow(running);
  if (!running) {
    return <span class="num">{duration(activity.duration_ns)}</span>;
  }
  const seconds = Math.max(0, Math.floor((now - Date.parse(activity.started_at)) / 1_000));
  return <span class="num ticking">{duration(seconds * 1_000_000_000).replace("0 ns", "0 s")}</span>;
}

/** When: by the clock, with everything else in the tooltip. */
export function Clock({ at }: { at: string }) {
  return (
    <time dateTime={at} title={instant(at)} class="num">
      {time(at)}
    </time>
  );
}

/** When: exactly, and how long ago. */
export function When({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at}>
      {instant(at)} <span class="dim">· {ago(at, now)}</span>
    </time>
  );
}
