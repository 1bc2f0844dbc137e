import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Feed, Row } from "../data/feed";
import { count } from "../data/format";

/** How far a list may be scrolled, in pixels, while new rows still appear at its top. */
const SCROLLED = 8;

/**
 * Has new rows wait while the list is in use: the pointer is over it, it is scrolled, or a row is selected or open. Otherwise
 * it moves away under the reader.
 */
export function useHold<T extends Row>(feed: Feed<T>, selected: boolean): RefObject<HTMLDivElement | null> {
  const list = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = list.current;
    if (element === null) {
      return;
    }
    let isOver = matchMedia("(hover: hover)").matches && element.matches(":hover");
    const update = () => {
      const isOpen = element.querySelector("details[open]") !== null;
      feed.hold(selected || isOver || isOpen || scrollY > SCROLLED);
    };
    const point = (event: PointerEvent) => {
      isOver = event.type === "pointerenter" && event.pointerType === "mouse";
      update();
    };
    update();
    element.addEventListener("pointerenter", point);
    element.addEventListener("pointerleave", point);
    element.addEventListener("toggle", update, { capture: true });
    addEventListener("scroll", update, { passive: true });
    return () => {
      element.removeEventListener("pointerenter", point);
      element.removeEventListener("pointerleave", point);
      element.removeEventListener("toggle", update, { capture: true });
      removeEventListener("scroll", update);
    };
  }, [feed, selected]);
  return list;
}

/** The button that shows the rows that wait. */
export function NewRows<T extends Row>({ feed }: { feed: Feed<T> }) {
  if (feed.held === 0) {
    return null;
  }
  const show = () => {
    feed.release();
    scrollTo(0, 0);
  };
  return (
    <div class="new-rows">
      <button type="button" class="button button-strong num" onClick={show}>
        {count(feed.held)}
        {feed.heldMore && "+"} new
      </button>
    </div>
  );
}
