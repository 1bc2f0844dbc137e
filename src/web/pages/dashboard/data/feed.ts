import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { getJson, type Problem } from "./api";
import { toProblem } from "./load";

/** A row of a list. IDs sort by time. */
export interface Row {
  id: string;
  /** Position in commit order; null while it is running. */
  seq?: number | null;
}

/** A list that loads older rows page by page, and new ones at its top. */
export interface Feed<T> {
  rows: T[];
  problem: Problem | null;
  loading: boolean;
  /** True when the oldest row is loaded. */
  ended: boolean;
  more: () => void;
  reload: () => void;
  /** Inserts a row that has just been committed, or replaces an outdated one. */
  insert: (one: T) => void;
}

const PAGE = 50;
/** Rows to keep. Older ones are loaded again when they are scrolled to. */
const MAX_ROWS = 3_000;

interface State<T> {
  q: string;
  rows: T[];
  next: string | null;
  problem: Problem | null;
  loading: boolean;
  ended: boolean;
}

export function useFeed<T extends Row>(what: "activities" | "events", q: string): Feed<T> {
  const empty = (loading: boolean): State<T> => ({
    q,
    rows: [],
    next: null,
    problem: null,
    loading,
    ended: false,
  });
  const [state, setState] = useState<State<T>>(() => empty(true));
  const [round, setRound] = useState(0);
  const request = useRef<AbortController | null>(null);

  const page = useCallback(
    async (cursor: string | null) => {
      request.current?.abort();
      const stop = new AbortController();
      request.current = stop;
      setState((was) => ({ ...was, loading: true }));
      try {
        const answer = await getJson<Record<string, T[]> & { next: string | null }>(
          what,
          { q, cursor, limit: PAGE },
          stop.signal,
        );
        if (!stop.signal.aborted) {
          setState((was) => ({
            q,
            rows: (answer[what] ?? []).reduce(
              merged,
              cursor === null ? newerThan(was, q, answer[what]) : was.rows,
            ),
            next: answer.next,
            problem: null,
            loading: false,
            ended: answer.next === null,
          }));
        }
      } catch (cause) {
        if (!stop.signal.aborted) {
          setState((was) => ({ ...was, problem: toProblem(cause), loading: false }));
        }
      }
    },
    [what, q],
  );

  // `round` changes to reload.
  useEffect(() => {
    setState((was) => (was.q === q ? was : empty(true)));
    void page(null);
    return () => request.current?.abort();
  }, [page, round]);

  const more = useCallback(() => {
    if (!state.loading && !state.ended && state.problem === null && state.next !== null) {
      void page(state.next);
    }
  }, [state, page]);
  const insert = useCallback((one: T) => {
    setState((was) => {
      const oldest = was.rows.at(-1);
      const below = oldest !== undefined && one.id < oldest.id && !was.ended;
      if (below) {
        return was;
      }
      const rows = merged(was.rows, one);
      return rows.length <= MAX_ROWS ? { ...was, rows } : { ...was, rows: rows.slice(0, MAX_ROWS) };
    });
  }, []);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  // Until the effect above has run, the rows are those of another filter.
  return { ...(state.q === q ? state : empty(true)), more, reload, insert };
}

/** Returns rows that arrived while the first page was loading, and leave no gap to it. */
function newerThan<T extends Row>(was: State<T>, q: string, page: readonly T[] | undefined): T[] {
  const oldest = page?.at(-1);
  return was.q === q && oldest !== undefined ? was.rows.filter((row) => row.id >= oldest.id) : [];
}

/** Returns the rows with `one` inserted by ID, newest first. A running state never replaces an ended one. */
export function merged<T extends Row>(rows: readonly T[], one: T): T[] {
  const at = rows.findIndex((row) => row.id <= one.id);
  if (at < 0) {
    return [...rows, one];
  }
  const there = rows[at];
  const same = there?.id === one.id ? 1 : 0;
  if (same === 1 && typeof there?.seq === "number" && one.seq === null) {
    return [...rows];
  }
  return [...rows.slice(0, at), one, ...rows.slice(at + same)];
}
