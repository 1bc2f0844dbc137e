import { useEffect, useRef, useState } from "preact/hooks";
import { getJson, segment } from "./api";
import type { ActivityRecord, RecordingList, RecordingRecord } from "./records";

/** Requests at a time. */
const PARALLEL = 4;

/**
 * Loads the recordings of activities, newest first. Several calls may share one: it is loaded once, as it names all of them.
 */
export function useRecordings(activities: readonly ActivityRecord[]): RecordingRecord[] {
  const [found, setFound] = useState<ReadonlyMap<string, RecordingRecord>>(new Map());
  /** Activities whose recordings are known, or asked for. */
  const known = useRef(new Set<string>());
  useEffect(() => {
    const stop = new AbortController();
    const left = activities.filter((one) => !known.current.has(one.id)).map((one) => one.id);
    const work = async () => {
      for (let id = left.shift(); id !== undefined && !stop.signal.aborted; id = left.shift()) {
        if (known.current.has(id)) {
          continue;
        }
        known.current.add(id);
        try {
          const path = `activities/${segment(id)}/recordings`;
          const { recordings } = await getJson<RecordingList>(path, {}, stop.signal);
          for (const link of recordings.flatMap((one) => one.links)) {
            known.current.add(link.activity);
          }
          setFound((was) => new Map([...was, ...recordings.map((one) => [one.id, one] as const)]));
        } catch {
          // Its row is missing until the list is loaded again.
          known.current.delete(id);
        }
      }
    };
    for (let n = 0; n < PARALLEL; n += 1) {
      void work();
    }
    return () => stop.abort();
  }, [activities]);
  const shown = new Set(activities.map((one) => one.id));
  return [...found.values()]
    .filter((one) => one.links.some((link) => shown.has(link.activity)))
    .sort((a, b) => (a.id < b.id ? 1 : -1));
}
