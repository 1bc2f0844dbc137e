import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ask, type Problem } from "./api";
import { toProblem } from "./load";

/** What lists have in common: ids that sort by time. */
export interface Row {
  id: string;
  /** Its place in the order of commits; null while it goes on. */
  seq?: number | null;
}

/** A list that goes on downwards page by page, and grows at its top. */
export interface Feed<T> {
  rows: T[];
  problem: Problem | null;
  loading: boolean;
  /** True when nothing older is there. */
  ended: boolean;
  more: () => void;
  reload: () => void;
  /** Takes in what has just happened. */
  take: (one: T) => void;
}

const PAGE = 50;
/** What lies further down is asked for again when it is scrolled to. */
const MOST = 3_000;

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
  const asking = useRef<AbortController | null>(null);

  const page = useCallback(
    async (cursor: string | null) => {
      asking.current?.abort();
      const stop = new AbortController();
      asking.current = stop;
      setState((was) => ({ ...was, loading: true }));
      try {
        const answer = await ask<Record<string, T[]> & { next: string | null }>(
          what,
          { q, cursor, limit: PAGE },
          stop.signal,
        );
        if (!stop.signal.aborted) {
          setState((was) => ({
            q,
            rows: (answer[what] ?? []).reduce(
              merged,
              cursor === null ? since(was, q, answer[what]) : was.rows,
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

  // A round asks again for the same.
  useEffect(() => {
    setState((was) => (was.q === q ? was : empty(true)));
    void page(null);
    return () => asking.current?.abort();
  }, [page, round]);

  const more = useCallback(() => {
    if (!state.loading && !state.ended && state.problem === null && state.next !== null) {
      void page(state.next);
    }
  }, [state, page]);
  const take = useCallback((one: T) => {
    setState((was) => {
      const oldest = was.rows.at(-1);
      const below = oldest !== undefined && one.id < oldest.id && !was.ended;
      if (below) {
        return was;
      }
      const rows = merged(was.rows, one);
      return rows.length <= MOST ? { ...was, rows } : { ...was, rows: rows.slice(0, MOST) };
    });
  }, []);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  // Rows of another filter are never shown under this one, not even until the effect above has run.
  return { ...(state.q === q ? state : empty(true)), more, reload, take };
}

/** What is known beside a first page: what came while it was on its way. There is no gap between them. */
function since<T extends Row>(was: State<T>, q: string, page: readonly T[] | undefined): T[] {
  const oldest = page?.at(-1);
  return was.q === q && oldest !== undefined ? was.rows.filter((row) => row.id >= oldest.id) : [];
}

/** The list with this one in its place: newest first, by id. What has ended goes on no more. */
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
