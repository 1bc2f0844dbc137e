import { useLayoutEffect, useState } from "preact/hooks";
import { getJson, type Problem } from "./api";
import { isConnected, newestPosition } from "./live";
import { Requests } from "./requests";
import { remembered } from "./route";

/** A row of a list. IDs sort by time. */
export interface Row {
  id: string;
  /** Position in commit order; null while it is running. */
  seq?: number | null;
}

type What = "activities" | "events" | "recordings";
type Page<T> = Record<string, T[]> & { next: string | null };

const PAGE = 50;
/** Rows to keep while new ones are inserted. Older ones are loaded again when they are scrolled to. */
const MAX_ROWS = 3_000;
/** The largest page of the API. */
const LARGEST_PAGE = 1_000;

/** A list that loads older rows page by page, and new ones at its top. It outlives the page that shows it, for Back. */
export class Feed<T extends Row> {
  rows: readonly T[] = [];
  problem: Problem | null = null;
  loading = true;
  /** The position in the live stream, see `LiveList`. */
  position: string | null = null;
  /** New rows that wait until the list may move, by ID. */
  readonly #held = new Map<string, T>();
  /** More rows would wait than are kept: the list is loaded anew. */
  #overflowed = false;
  /** Rows that arrived since the request in flight was sent: its answer may not have them. */
  #arrived: T[] = [];
  /** The first page, if it does not reach down to the rows that are shown: it waits in their place. */
  #heldPage: { rows: readonly T[]; next: string | null } | null = null;
  #holding = false;
  /** The pages that were loaded: their oldest row, and the cursor after it. */
  #pages: { oldest: string; next: string | null }[] = [];
  readonly #requests = new Requests();
  readonly #watchers = new Set<() => void>();

  constructor(
    readonly what: What,
    readonly q: string,
  ) {}

  /** True when the oldest row is loaded. */
  get ended(): boolean {
    return this.#pages.length > 0 && this.#next === null;
  }

  /** The number of new rows that wait. */
  get held(): number {
    return this.#held.size + (this.#heldPage?.rows.length ?? 0);
  }

  /** Whether more rows wait than are counted. */
  get heldMore(): boolean {
    return this.#overflowed || this.#heldPage !== null;
  }

  get #next(): string | null {
    return this.#pages.at(-1)?.next ?? null;
  }

  /** Calls after each change. Requests are sent while there is a watcher. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    if (this.#pages.length === 0 || this.problem !== null || !isConnected()) {
      this.reload();
    }
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) {
        this.#requests.stop();
        this.loading = false;
      }
    };
  }

  /** Loads the rows again that are shown. */
  readonly reload = (): void => {
    if (this.#pages.length === 0) {
      this.position ??= newestPosition();
    }
    const limit = () => Math.min(LARGEST_PAGE, Math.max(PAGE, this.rows.length));
    this.#load(null, limit, (page, next) => this.#replace(page, next));
  };

  /** Loads the next page, if there is one. */
  readonly more = (): void => {
    const cursor = this.#next;
    if (cursor !== null && !this.loading && this.problem === null) {
      const limit = () => PAGE;
      this.#load(cursor, limit, (page, next) => this.#append(page, next));
    }
  };

  /** Inserts a row that has just been committed, or replaces an outdated one. */
  readonly insert = (one: T): void => {
    const oldest = this.rows.at(-1);
    if (oldest !== undefined && one.id < oldest.id && !this.ended) {
      return;
    }
    if (this.loading) {
      this.#arrived.push(one);
    }
    const isShown = this.rows.some((row) => row.id === one.id);
    if (this.#heldPage !== null || (this.#holding && !isShown && this.rows.length > 0)) {
      this.#keep(one);
    } else {
      this.rows = merged(this.rows, one);
      this.#trim();
    }
    this.#changed();
  };

  /** Has new rows wait, or shows them. Rows that are shown already change in place. */
  hold(holding: boolean): void {
    this.#holding = holding;
    if (!holding) {
      this.release();
    }
  }

  /** Shows the rows that wait. */
  readonly release = (): void => {
    if (this.held === 0) {
      return;
    }
    if (this.#overflowed) {
      this.#overflowed = false;
      this.rows = [];
      this.reload();
    } else if (this.#heldPage !== null) {
      const { rows, next } = this.#heldPage;
      this.rows = rows;
      this.#pages = [{ oldest: rows.at(-1)?.id ?? "", next }];
    }
    this.#heldPage = null;
    this.rows = [...this.#held.values()].reduce<readonly T[]>(merged, this.rows);
    this.#held.clear();
    this.#trim();
    this.#changed();
  };

  #keep(one: T): void {
    const waiting = this.#held.get(one.id);
    if (waiting === undefined && this.#held.size >= LARGEST_PAGE) {
      this.#overflowed = true;
    } else if (waiting === undefined || !isOlderState(one, waiting)) {
      this.#held.set(one.id, one);
    }
  }

  /** Sends a request for a page. `limit` is asked when it is sent, which may be after another one has changed the list. */
  #load(cursor: string | null, limit: () => number, done: (page: T[], next: string | null) => void): void {
    this.#requests.send<Page<T>>({
      load: (signal) => getJson(this.what, { q: this.q, cursor, limit: limit() }, signal),
      started: () => {
        this.loading = true;
        this.#arrived = [];
        this.#changed();
      },
      done: (answer) => {
        this.loading = false;
        this.problem = null;
        done(answer[this.what] ?? [], answer.next);
        this.#changed();
      },
      failed: (problem) => {
        this.loading = false;
        this.problem = problem;
        this.#changed();
      },
    });
  }

  #append(page: readonly T[], next: string | null): void {
    const oldest = this.rows.at(-1)?.id;
    this.rows = [...this.rows, ...page.filter((row) => oldest === undefined || row.id < oldest)];
    this.#pages.push({ oldest: page.at(-1)?.id ?? "", next });
  }

  #replace(page: readonly T[], next: string | null): void {
    const oldest = page.at(-1)?.id ?? "";
    const newest = this.rows[0]?.id;
    const arrived = this.#arrived.filter((row) => row.id >= oldest);
    if (this.#holding && newest !== undefined && page.length > 0) {
      if (oldest > newest) {
        this.#heldPage = { rows: page, next };
        return;
      }
      for (const row of page.filter((one) => one.id > newest)) {
        this.#keep(row);
      }
      const isShown = (row: T) => row.id <= newest;
      this.rows = arrived.filter(isShown).reduce<readonly T[]>(merged, page.filter(isShown));
    } else {
      this.rows = arrived.reduce<readonly T[]>(merged, page);
    }
    this.#pages = [{ oldest, next }];
  }

  /** Drops the oldest pages of a list that has become too long at its top. */
  #trim(): void {
    while (this.rows.length > MAX_ROWS && this.#pages.length > 1) {
      this.#pages.pop();
      const oldest = this.#pages.at(-1)?.oldest ?? "";
      this.rows = this.rows.filter((row) => row.id >= oldest);
    }
    if (this.rows.length > MAX_ROWS) {
      // There is no cursor within a page.
      this.rows = this.rows.slice(0, PAGE);
      this.reload();
    }
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) {
      watcher();
    }
  }
}

/** Returns the list of a filter; where Back returns to it, as it was left. */
export function useFeed<T extends Row>(what: What, q: string): Feed<T> {
  const feed = remembered(`${what} ${q}`, () => new Feed<T>(what, q));
  const [, setChanges] = useState(0);
  useLayoutEffect(() => feed.watch(() => setChanges((n) => n + 1)), [feed]);
  return feed;
}

/** Returns the rows with `one` inserted by ID, newest first. A running state never replaces an ended one. */
export function merged<T extends Row>(rows: readonly T[], one: T): readonly T[] {
  const at = rows.findIndex((row) => row.id <= one.id);
  if (at < 0) {
    return [...rows, one];
  }
  const there = rows[at];
  const isSame = there?.id === one.id;
  if (isSame && isOlderState(one, there)) {
    return rows;
  }
  return [...rows.slice(0, at), one, ...rows.slice(at + (isSame ? 1 : 0))];
}

function isOlderState(one: Row, there: Row | undefined): boolean {
  return typeof there?.seq === "number" && one.seq === null;
}
