// Loading: everything that a page asks of the server goes through `Requests`, and everything that is asked again through
// `useRefresh`. There is no other timer.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "./api";
import { isConnected, onChange } from "./live";
import { later, Requests } from "./requests";
import { remembered } from "./route";

/** The state of a request. */
export interface LoadState<T> {
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  /** When the data came, in milliseconds since the epoch. */
  loadedAt: number | null;
  reload: () => void;
}

/** How often data is loaded again, in milliseconds from an answer to the next request. */
export interface Refresh {
  /** While the store changes. */
  changing: number;
  /** While it does not [default: 60 s]. */
  idle?: number;
}

/** Changes come in bursts: wait for the rest of one. */
const BURST = 300;
const IDLE = 60_000;
/** The longest time between requests without a stream that reports changes. */
const UNCONNECTED = 10_000;

/**
 * Loads when the component mounts and whenever `key` changes, and again as `refresh` says, which may depend on the data. A
 * reload keeps the previous data until the new arrives; a change of `key` drops it. Back shows at once what was loaded. Loads
 * of one page that differ need different keys.
 */
export function useLoad<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  refresh: Refresh | null | ((data: T | null) => Refresh | null) = null,
): LoadState<T> {
  const kept = remembered(`load ${key}`, () => ({ data: null as T | null }));
  const empty = { key, data: kept.data, problem: null, loading: true, loadedAt: null };
  const [state, setState] = useState<Omit<LoadState<T>, "reload"> & { key: string }>(empty);
  const [requests] = useState(() => new Requests());
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(
    () =>
      requests.send<T>({
        load: (signal) => latest.current(signal),
        started: () => setState((was) => (was.key === key ? { ...was, loading: true } : { ...empty, key })),
        done: (data) => {
          kept.data = data;
          setState({ key, data, problem: null, loading: false, loadedAt: Date.now() });
        },
        failed: (problem) => setState((was) => ({ ...was, problem, loading: false })),
      }),
    [key],
  );
  useEffect(() => {
    reload();
    return () => requests.stop();
  }, [reload]);
  const shown = state.key === key ? state : empty;
  useRefresh(typeof refresh === "function" ? refresh(shown.data) : refresh, shown.loading, reload);
  return { ...shown, reload };
}

/** Reloads what may have changed, after the answer to the request before. */
export function useRefresh(refresh: Refresh | null, loading: boolean, reload: () => void): void {
  /** The delay after which a change is loaded; null without a change. */
  const delay = useRef<number | null>(null);
  const { changing = null, idle = IDLE } = refresh ?? {};
  useEffect(() => {
    if (changing === null) {
      return;
    }
    const since = Date.now();
    let cancel = () => {};
    const arm = () => {
      cancel();
      const ms = delay.current ?? (isConnected() ? idle : Math.min(idle, UNCONNECTED));
      cancel = later(Math.max(BURST, since + ms - Date.now()), () => {
        delay.current = null;
        reload();
      });
    };
    const unsubscribe = onChange((change) => {
      const was = delay.current;
      delay.current = change === "store" ? (was ?? changing) : 0;
      if (!loading && delay.current !== was) {
        arm();
      }
    });
    if (!loading) {
      arm();
    }
    return () => {
      cancel();
      unsubscribe();
    };
  }, [changing, idle, loading, reload]);
}
