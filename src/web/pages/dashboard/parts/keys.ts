import { useEffect, useRef } from "preact/hooks";

/** Registers keyboard shortcuts, which are ignored while typing and on focused controls. */
export function useKeys(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      const typing = target?.closest("input, textarea, select, [contenteditable]") ?? null;
      const held = event.metaKey || event.ctrlKey || event.altKey;
      const control = event.key === "Enter" && (target?.closest("button, summary, a") ?? null) !== null;
      const call = latest.current[event.key];
      if (call !== undefined && typing === null && !held && !control) {
        event.preventDefault();
        call();
      }
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

/** Focuses the filter. */
export function focusFilter(): void {
  document.getElementById("filter")?.focus();
}
