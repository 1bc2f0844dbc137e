import { useEffect, useRef } from "preact/hooks";
import type { Feed, Row } from "../data/feed";
import { Failure } from "./state";

/** The end of a list: asks for more when it comes into sight. */
export function More<T extends Row>({ feed, what }: { feed: Feed<T>; what: string }) {
  const end = useRef<HTMLDivElement>(null);
  const { more, rows } = feed;
  // A longer list may still not fill the window
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
  }, [more, rows.length]);
  return (
    <div ref={end} class="list-end">
      {feed.problem !== null ? (
        <Failure what={`more ${what}`} problem={feed.problem} retry={feed.reload} />
      ) : feed.ended ? (
        <span class="dim">That is all</span>
      ) : (
        <span class="dim">Loading …</span>
      )}
    </div>
  );
}
