import { useEffect } from "preact/hooks";

/** Titles the document by its page, and by what tells it from other windows of the same page. */
export function setTitle(...parts: readonly string[]): void {
  document.title = [...parts.filter((part) => part !== ""), "Activity"].join(" · ");
}

/** Titles the document while the component is shown. */
export function useTitle(...parts: readonly string[]): void {
  useEffect(() => setTitle(...parts), parts);
}
