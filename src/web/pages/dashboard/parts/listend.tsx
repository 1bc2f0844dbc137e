import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Feed, Row } from "../data/feed";
import { LoadError } from "./states";

interface ListEndProps<T extends Row> {
  feed: Feed<T>;
  what: string;
  /** What follows the end. */
  children?: ComponentChildren;
}

/** The end of a list: loads more when it becomes visible. */
export function ListEnd<T extends Row>({ feed, what, children }: ListEndProps<T>) {
  const end = useRef<HTMLDivElement>(null);
  const { more, rows, loading } = feed;
  // Observe again after each request: its page may not fill the window, and none is sent beside it.
  useEffect(() => {
    const element = end.current;
    if (element === null) {
      return;
    }
    const seen = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && more(),
      {
        rootMargin: "600px",
      },
    );
    seen.observe(element);
    return () => seen.disconnect();
  }, [more, rows.length, loading]);
  return (
    <div ref={end} class="list-end">
      {feed.problem !== null ? (
        <LoadError what={`more ${what}`} problem={feed.problem} retry={feed.reload} />
      ) : feed.ended ? (
        <span class="dim">End of list{children}</span>
      ) : (
        <span class="dim">Loading…</span>
      )}
    </div>
  );
}
