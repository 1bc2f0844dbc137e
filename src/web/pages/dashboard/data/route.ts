// Where the viewer is: the page is the last step of the path, everything else is in the query.

import { useEffect, useState } from "preact/hooks";

export const PAGES = ["overview", "timeline", "activity", "replay", "events", "health"] as const;
export type Page = (typeof PAGES)[number];

export type Params = Record<string, string>;

export interface Place {
  page: Page;
  params: Params;
}

export function placeOf(url: URL): Place {
  const last = url.pathname.split("/").at(-1) ?? "";
  const page = PAGES.find((one) => one === last) ?? "overview";
  return { page, params: Object.fromEntries(url.searchParams) };
}

/** The address of a place, relative to that of any page. What is empty is left out. */
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

const MOVED = "moved";

/** Goes to an address; the back button comes back. */
export function go(to: string): void {
  history.pushState(null, "", to);
  dispatchEvent(new Event(MOVED));
}

/** Goes on at an address that stands for the same place: the back button skips it. */
export function amend(to: string): void {
  history.replaceState(null, "", to);
  dispatchEvent(new Event(MOVED));
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(new URL(location.href)));
  useEffect(() => {
    const moved = () => setPlace(placeOf(new URL(location.href)));
    addEventListener("popstate", moved);
    addEventListener(MOVED, moved);
    return () => {
      removeEventListener("popstate", moved);
      removeEventListener(MOVED, moved);
    };
  }, []);
  return place;
}

/** Follows links of ours without loading the document anew. */
export function followLinks(): void {
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
      go(to);
      scrollTo(0, 0);
    }
  });
}
