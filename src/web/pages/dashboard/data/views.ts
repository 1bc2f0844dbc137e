// Filters that the viewer keeps, by page, in the browser.

import { useLayoutEffect, useState } from "preact/hooks";

const KEY = "activity.views";
const CHANGED = "activity:views";
/** The most views of a page. */
const MOST = 20;

type Views = Record<string, string[]>;

function stored(): Views {
  try {
    const all = JSON.parse(localStorage.getItem(KEY) ?? "{}") as unknown;
    return typeof all === "object" && all !== null ? (all as Views) : {};
  } catch {
    return {};
  }
}

function viewsOf(page: string): readonly string[] {
  const views = stored()[page];
  return Array.isArray(views) ? views.filter((one) => typeof one === "string") : [];
}

/** Returns the views of a page, and a function that adds one, or removes one that is there. Other windows follow. */
export function useViews(page: string): [readonly string[], (q: string) => void] {
  const [views, setViews] = useState(() => viewsOf(page));
  useLayoutEffect(() => {
    const changed = () => setViews(viewsOf(page));
    changed();
    addEventListener("storage", changed);
    addEventListener(CHANGED, changed);
    return () => {
      removeEventListener("storage", changed);
      removeEventListener(CHANGED, changed);
    };
  }, [page]);
  const toggle = (q: string) => {
    const others = viewsOf(page).filter((one) => one !== q);
    const next = views.includes(q) ? others : [...others, q].slice(-MOST);
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...stored(), [page]: next }));
    } catch {
      // Without storage there are no views.
    }
    dispatchEvent(new Event(CHANGED));
  };
  return [views, toggle];
}
