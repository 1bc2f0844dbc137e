// Routing: the page is the last segment of the path, its state is the query.

import { useLayoutEffect, useState } from "preact/hooks";

export const PAGES = [
  "overview",
  "timeline",
  "errors",
  "mcp",
  "activity",
  "replay",
  "events",
  "health",
] as const;
export type Page = (typeof PAGES)[number];

export type Params = Record<string, string>;

export interface Route {
  page: Page;
  params: Params;
}

export function parseRoute(url: URL): Route {
  const last = url.pathname.split("/").at(-1) ?? "";
  const page = PAGES.find((one) => one === last) ?? "overview";
  return { page, params: Object.fromEntries(url.searchParams) };
}

/** Returns the URL of a page, relative to any other. Empty parameters are omitted. */
export function href(page: Page, params: Record<string, string | null | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") {
      query.set(name, value);
    }
  }
  const text = query.toString();
  return text === "" ? `./${page}` : `./${page}?${text}`;
}

const NAVIGATED = "activity:navigated";

/** What the browser keeps with an entry of its history. */
interface Entry {
  /** Identifies the entry. */
  key: string;
  /** The number of entries of the dashboard before it. */
  depth: number;
  /** The newest entry before it that is not about one activity or recording. */
  list: { depth: number; to: string } | null;
}

/** What this document keeps with an entry, for Back: the scroll position, and what was loaded. */
interface Memory {
  scroll: number;
  /** The first visible row, and where it was. */
  row: { id: string; top: number } | null;
  values: Map<string, unknown>;
}

/** Entries to keep a memory of, and values of one. */
const MAX_MEMORIES = 12;
const MAX_VALUES = 24;
const memories = new Map<string, Memory>();
/** The key of the entry that is shown. */
let shown = "";

function entry(): Entry {
  const kept = history.state as Entry | null;
  if (typeof kept?.key === "string") {
    return kept;
  }
  const made = { key: newKey(), depth: 0, list: null };
  history.replaceState(made, "");
  return made;
}

function newKey(): string {
  return Math.random().toString(36).slice(2);
}

/** Returns the value of a key, made on first use. Of more than `limit` values the least recently used is dropped. */
function recent<T>(values: Map<string, T>, key: string, limit: number, make: () => T): T {
  const value = values.has(key) ? (values.get(key) as T) : make();
  values.delete(key);
  values.set(key, value);
  const [oldest] = values.keys();
  if (values.size > limit && oldest !== undefined) {
    values.delete(oldest);
  }
  return value;
}

function memory(): Memory {
  return recent(memories, entry().key, MAX_MEMORIES, () => ({ scroll: 0, row: null, values: new Map() }));
}

/** Returns a value that is kept with the entry of the history, made on first use. */
export function remembered<T>(name: string, make: () => T): T {
  return recent(memory().values, name, MAX_VALUES, make) as T;
}

/** Keeps the scroll position of the entry that is left. */
function leave(): void {
  const left = memories.get(shown);
  if (left !== undefined) {
    left.scroll = scrollY;
    const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
    const first = scrollY === 0 ? undefined : rows.find((row) => row.getBoundingClientRect().top > 0);
    const id = first?.dataset.row;
    left.row = id === undefined ? null : { id, top: first?.getBoundingClientRect().top ?? 0 };
  }
}

/** Frames in which rows get their heights: until then those of rows out of sight are estimates. */
const FRAMES = 6;

/** Scrolls to where the entry was left; a new one is at its top. */
function returnTo({ scroll, row }: Pick<Memory, "scroll" | "row">, frames = FRAMES): void {
  const element = row === null ? null : document.querySelector(`[data-row="${CSS.escape(row.id)}"]`);
  if (element === null || row === null) {
    scrollTo(0, scroll);
    return;
  }
  scrollBy(0, element.getBoundingClientRect().top - row.top);
  if (frames > 0) {
    requestAnimationFrame(() => element.isConnected && returnTo({ scroll, row }, frames - 1));
  }
}

/** Navigates with a history entry. */
export function navigate(to: string): void {
  leave();
  const { depth, list } = entry();
  const { page, params } = parseRoute(new URL(location.href));
  const isList = page !== "activity" && (page !== "replay" || params.id === undefined);
  const here = { depth, to: href(page, params) };
  const next: Entry = { key: newKey(), depth: depth + 1, list: isList ? here : list };
  history.pushState(next, "", to);
  dispatchEvent(new Event(NAVIGATED));
}

/** Navigates without a history entry, for a change of state within a page. */
export function replace(to: string): void {
  history.replaceState(entry(), "", to);
  dispatchEvent(new Event(NAVIGATED));
}

/** Returns the URL of the timeline from which the user came, with its filter. */
export function timelineBefore(): string {
  const to = entry().list?.to ?? "";
  return to.startsWith(href("timeline")) ? to : href("timeline");
}

/** Goes back to the list from which the user came, as it was left, or to the timeline: never out of the dashboard. */
export function backToList(): void {
  const { depth, list } = entry();
  if (list === null) {
    navigate(href("timeline"));
  } else {
    history.go(list.depth - depth);
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(new URL(location.href)));
  useLayoutEffect(() => {
    const navigated = () => setRoute(parseRoute(new URL(location.href)));
    const traversed = () => {
      leave();
      navigated();
    };
    // The browser scrolls before the page is rendered, except when it loads the document.
    const scrolls = (by: ScrollRestoration) => () => {
      history.scrollRestoration = by;
    };
    const [loaded, unloaded] = [scrolls("manual"), scrolls("auto")];
    loaded();
    addEventListener("popstate", traversed);
    addEventListener(NAVIGATED, navigated);
    addEventListener("pageshow", loaded);
    addEventListener("pagehide", unloaded);
    return () => {
      removeEventListener("popstate", traversed);
      removeEventListener(NAVIGATED, navigated);
      removeEventListener("pageshow", loaded);
      removeEventListener("pagehide", unloaded);
    };
  }, []);
  const { key } = entry();
  useLayoutEffect(() => {
    if (shown !== "" && shown !== key) {
      returnTo(memory());
    }
    shown = key;
    memory();
  }, [key]);
  return route;
}

/** Handles clicks on links between pages without reloading the document. */
export function interceptLinks(): void {
  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (
      !plain ||
      event.defaultPrevented ||
      link === null ||
      link.target !== "" ||
      link.hasAttribute("download")
    ) {
      return;
    }
    const to = link.getAttribute("href") ?? "";
    if (PAGES.some((page) => to === `./${page}` || to.startsWith(`./${page}?`))) {
      event.preventDefault();
      navigate(to);
    }
  });
}
