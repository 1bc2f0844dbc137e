import { useEffect, useState } from "preact/hooks";
import { ago, instant, time } from "../data/dates";
import { duration } from "../data/format";
import type { ActivityRecord } from "../data/records";

const watchers = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The current time, updated every second while `active`. */
export function useNow(active = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!active) {
      return;
    }
    watchers.add(setNow);
    timer ??= setInterval(() => {
      const at = Date.now();
      for (const update of watchers) {
        update(at);
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

/** The duration of an activity; of a running one until now. */
export function Took({
  activity,
}: {
  activity: Pick<ActivityRecord, "status" | "started_at" | "duration_ns">;
}) {
  const running = activity.status === "running";
  const now = useNow(running);
  if (!running) {
    return <span class="num">{duration(activity.duration_ns)}</span>;
  }
  const seconds = Math.max(0, Math.floor((now - Date.parse(activity.started_at)) / 1_000));
  return <span class="num ticking">{seconds < 60 ? `${seconds} s` : duration(seconds * 1_000_000_000)}</span>;
}

/** A time of day, with the full instant as a tooltip. */
export function Clock({ at }: { at: string }) {
  return (
    <time dateTime={at} title={instant(at)} class="num">
      {time(at)}
    </time>
  );
}

/** An instant with its age. */
export function When({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at}>
      {instant(at)} <span class="dim">· {ago(at, now)}</span>
    </time>
  );
}
