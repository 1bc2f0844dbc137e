import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask, type Problem, part } from "./api";
import { toProblem } from "./load";
import type { Activity } from "./records";

/** One page of a tree, as the API gives it. */
export interface TreePage {
  activities: Activity[];
  total: number;
  next: string | null;
}

/** As much of a tree as has been asked for. */
export interface Branches {
  /** In order of start. */
  tree: readonly Activity[];
  /** How many there are in all. */
  total: number;
  problem: Problem | null;
  loading: boolean;
  /** Asks for the next page, where there is one. */
  more: () => void;
  /** Asks again for what is there. */
  reload: () => void;
}

/** The first page is there at once, and further ones hold as many as one answer can. */
const FIRST = 200;
const PAGE = 1_000;

interface State {
  id: string;
  tree: readonly Activity[];
  total: number;
  next: string | null;
  problem: Problem | null;
  loading: boolean;
}

/** The tree that an activity stands in, page by page. */
export function useBranches(id: string): Branches {
  const empty: State = { id, tree: [], total: 0, next: null, problem: null, loading: true };
  const [state, setState] = useState(empty);
  const now = useRef(state);
  now.current = state;
  const asking = useRef<AbortController | null>(null);

  const put = useCallback((changes: Partial<State>) => {
    now.current = { ...now.current, ...changes };
    setState(now.current);
  }, []);
  /** Asks for what follows `cursor` until there are so many. */
  const load = useCallback(
    async (cursor: string | null, wanted: number) => {
      asking.current?.abort();
      const stop = new AbortController();
      asking.current = stop;
      put({ loading: true });
      try {
        let tree = cursor === null ? [] : now.current.tree;
        let next = cursor;
        do {
          const limit = Math.min(PAGE, wanted - tree.length);
          const page: TreePage = await ask(
            `activities/${part(id)}/tree`,
            { cursor: next, limit },
            stop.signal,
          );
          tree = [...tree, ...page.activities];
          next = page.next;
          // What was there stays until as much of it is there anew.
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
    return () => asking.current?.abort();
  }, [id, load, put]);
  const more = useCallback(() => {
    const { next, loading, problem, tree } = now.current;
    if (next !== null && !loading && problem === null) {
      void load(next, tree.length + PAGE);
    }
  }, [load]);
  const reload = useCallback(() => void load(null, Math.max(FIRST, now.current.tree.length)), [load]);
  // What is there of another tree is none of this one.
  const { tree, total, problem, loading } = state.id === id ? state : empty;
  return { tree, total, problem, loading, more, reload };
}
