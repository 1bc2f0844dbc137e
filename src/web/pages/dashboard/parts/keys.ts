import { useLayoutEffect, useRef } from "preact/hooks";

/** What a shortcut does. */
export type Shortcut = (event: Pick<KeyboardEvent, "shiftKey">) => void;

/** Inputs that take no text: shortcuts work there, too. */
const TYPING = "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]";
/** Elements that act on a key by themselves. */
const OWN: Readonly<Record<string, string>> = {
  Enter: "button, summary, a",
  " ": "button, summary, input[type=checkbox]",
};

/** Registers keyboard shortcuts, which are ignored while typing and on focused controls. */
export function useKeys(keys: Record<string, Shortcut>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      const isTyping = target?.closest(TYPING) ?? null;
      const isHeld = event.metaKey || event.ctrlKey || event.altKey;
      const own = OWN[event.key];
      const isOwn = own !== undefined && (target?.closest(own) ?? null) !== null;
      const call = latest.current[event.key];
      // A dialog has the keys for itself.
      const isBehind = document.querySelector("dialog[open]") !== null;
      if (call !== undefined && isTyping === null && !isHeld && !isOwn && !isBehind) {
        event.preventDefault();
        call(event);
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** Focuses the filter, and opens its completions as a click does. */
export function focusFilter(): void {
  const filter = document.getElementById("filter");
  filter?.focus();
  filter?.click();
}
