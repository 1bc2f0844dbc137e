import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { getJson, type Problem, segment } from "./api";
import { toProblem } from "./load";
import type { ActivityRecord, TreePage } from "./records";

/** The loaded part of a tree. */
export interface TreeFeed {
  /** In order of start. */
  tree: readonly ActivityRecord[];
  /** Number of activities in the whole tree. */
  total: number;
  problem: Problem | null;
  loading: boolean;
  /** Loads the next page, if there is one. */
  more: () => void;
  /** Reloads the loaded part. */
  reload: () => void;
}

/** A small first page shows soon; further ones have the maximum size. */
const FIRST = 200;
const PAGE = 1_000;

interface State {
  id: string;
  tree: readonly ActivityRecord[];
  total: number;
  next: string | null;
  problem: Problem | null;
  loading: boolean;
}

/** Loads the tree that contains an activity, page by page. */
export function useTreeFeed(id: string): TreeFeed {
  const empty: State = { id, tree: [], total: 0, next: null, problem: null, loading: true };
  const [state, setState] = useState(empty);
  const now = useRef(state);
  now.current = state;
  const request = useRef<AbortController | null>(null);

  const put = useCallback((changes: Partial<State>) => {
    now.current = { ...now.current, ...changes };
    setState(now.current);
  }, []);
  /** Loads pages after `cursor` until `wanted` activities are there. */
  const load = useCallback(
    async (cursor: string | null, wanted: number) => {
      request.current?.abort();
      const stop = new AbortController();
      request.current = stop;
      put({ loading: true });
      try {
        let tree = cursor === null ? [] : now.current.tree;
        let next = cursor;
        do {
          const limit = Math.min(PAGE, wanted - tree.length);
          const page: TreePage = await getJson(
            `activities/${segment(id)}/tree`,
            { cursor: next, limit },
            stop.signal,
          );
          tree = [...tree, ...page.activities];
          next = page.next;
          // A reload replaces the loaded part only once it is complete.
          if (next === null || tree.length >= wanted) {
            put({ id, tree, total: page.total, next, problem: null, loading: false });
          }
        } while (next !== null && tree.length < wanted);
      } catch (cause) {
        if (!stop.signal.aborted) {
          put({ id, problem: toProblem(cause), loading: false });
        }
      }
    },
    [id, put],
  );

  useEffect(() => {
    if (id !== "") {
      put({ id, tree: [], total: 0, next: null, problem: null, loading: true });
      void load(null, FIRST);
    }
    return () => request.current?.abort();
  }, [id, load, put]);
  const more = useCallback(() => {
    const { next, loading, problem, tree } = now.current;
    if (next !== null && !loading && problem === null) {
      void load(next, tree.length + PAGE);
    }
  }, [load]);
  const reload = useCallback(() => void load(null, Math.max(FIRST, now.current.tree.length)), [load]);
  // The state may still be that of another tree.
  const { tree, total, problem, loading } = state.id === id ? state : empty;
  return { tree, total, problem, loading, more, reload };
}
