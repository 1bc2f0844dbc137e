import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api";

/** The state of a request. */
export interface LoadState<T> {
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads when the component mounts and whenever `key` changes. A reload keeps the previous data until the new arrives; a
 * change of `key` drops it.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): LoadState<T> {
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
  // `round` changes to reload.
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

/** Calls at an interval while the document is visible. */
export function useInterval(ms: number, call: () => void): void {
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
