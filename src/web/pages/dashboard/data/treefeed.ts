import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { getJson, type Problem, segment } from "./api";
import { type Refresh, useRefresh } from "./load";
import type { ActivityRecord, TreePage } from "./records";
import { Requests } from "./requests";

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
export function useTreeFeed(id: string, refresh: Refresh | null): TreeFeed {
  const empty: State = { id, tree: [], total: 0, next: null, problem: null, loading: true };
  const [state, setState] = useState(empty);
  const now = useRef(state);
  now.current = state;
  const [requests] = useState(() => new Requests());

  const put = useCallback((changes: Partial<State>) => {
    now.current = { ...now.current, ...changes };
    setState(now.current);
  }, []);
  /**
   * Loads pages after `cursor`, at least `more` activities, or without a cursor those that are loaded. A reload replaces them
   * once it is complete.
   */
  const load = useCallback(
    (cursor: string | null, more: number) =>
      requests.send({
        load: async (signal) => {
          const loaded = now.current.tree.length;
          const wanted = cursor === null ? Math.max(more, loaded) : loaded + more;
          let tree = cursor === null ? [] : now.current.tree;
          let page: TreePage;
          let next = cursor;
          do {
            const limit = Math.min(PAGE, wanted - tree.length);
            page = await getJson(`activities/${segment(id)}/tree`, { cursor: next, limit }, signal);
            tree = [...tree, ...page.activities];
            next = page.next;
          } while (next !== null && tree.length < wanted);
          return { tree, total: page.total, next };
        },
        started: () => put({ loading: true }),
        done: (loaded) => put({ id, ...loaded, problem: null, loading: false }),
        failed: (problem) => put({ id, problem, loading: false }),
      }),
    [id, put],
  );

  useEffect(() => {
    if (id !== "") {
      put({ id, tree: [], total: 0, next: null, problem: null, loading: true });
      load(null, FIRST);
    }
    return () => requests.stop();
  }, [id, load, put]);
  const more = useCallback(() => {
    const { next, loading, problem } = now.current;
    if (next !== null && !loading && problem === null) {
      load(next, PAGE);
    }
  }, [load]);
  const reload = useCallback(() => load(null, FIRST), [load]);
  // The state may still be that of another tree.
  const { tree, total, problem, loading } = state.id === id ? state : empty;
  useRefresh(refresh, loading, reload);
  return { tree, total, problem, loading, more, reload };
}
