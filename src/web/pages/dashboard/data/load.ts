import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api";

/** Something that is asked for: what is there, what went wrong, and how to ask again. */
export interface Loaded<T> {
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  reload: () => void;
}

/**
 * Asks when it is first shown and whenever `key` changes. What was there stays until there is something new, unless it
 * was asked for under another key.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{
    key: string;
    data: T | null;
    problem: Problem | null;
    loading: boolean;
  }>({
    key,
    data: null,
    problem: null,
    loading: true,
  });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  // A round asks again for the same.
  useEffect(() => {
    const stop = new AbortController();
    setState((was) => ({ ...was, key, data: was.key === key ? was.data : null, loading: true }));
    latest.current(stop.signal).then(
      (data) => {
        if (!stop.signal.aborted) {
          setState({ key, data, problem: null, loading: false });
        }
      },
      (cause: unknown) => {
        if (!stop.signal.aborted) {
          setState((was) => ({ ...was, key, problem: toProblem(cause), loading: false }));
        }
      },
    );
    return () => stop.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return state.key === key ? { ...state, reload } : { data: null, problem: null, loading: true, reload };
}

export function toProblem(cause: unknown): Problem {
  return cause instanceof Problem ? cause : new Problem(String(cause), 0, "page");
}

/** Calls again and again while the page is looked at. */
export function useEvery(ms: number, call: () => void): void {
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) {
        latest.current();
      }
    }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}
