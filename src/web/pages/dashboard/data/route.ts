// Routing: the page is the last segment of the path, its state is the query.

import { useEffect, useState } from "preact/hooks";

export const PAGES = ["overview", "timeline", "activity", "replay", "events", "health"] as const;
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

/** Navigates with a history entry. */
export function navigate(to: string): void {
  history.pushState(null, "", to);
  dispatchEvent(new Event(NAVIGATED));
}

/** Navigates without a history entry, for a change of state within a page. */
export function replace(to: string): void {
  history.replaceState(null, "", to);
  dispatchEvent(new Event(NAVIGATED));
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(new URL(location.href)));
  useEffect(() => {
    const navigated = () => setRoute(parseRoute(new URL(location.href)));
    addEventListener("popstate", navigated);
    addEventListener(NAVIGATED, navigated);
    return () => {
      removeEventListener("popstate", navigated);
      removeEventListener(NAVIGATED, navigated);
    };
  }, []);
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
      scrollTo(0, 0);
    }
  });
}
