// Which rows the timeline lists: roots, or all activities.

import { fieldValue, terms } from "./filter";

/** Fields that an activity shares with what runs inside it. */
const SHARED = ["project", "agent", "actor", "brand", "environment", "env", "session", "since", "until"];

/** The term that selects roots. */
export const ROOTS = "is:root";

/** The rows of the timeline. */
export type Rows = "roots" | "all";

/**
 * Returns which rows to list: as chosen, else roots, unless the filter looks for something that may be inside others. A filter
 * by place says it itself.
 */
export function rowsOf(chosen: string | undefined, q: string): Rows {
  if (chosen === "roots" || chosen === "all") {
    return chosen;
  }
  const shared = terms(q).every((term) => term.field !== null && SHARED.includes(term.field));
  return shared ? "roots" : "all";
}

/** Returns the filter of the rows. */
export function filterOf(rows: Rows, q: string): string {
  return rows === "all" || fieldValue(q, "is") !== null ? q : `${ROOTS} ${q}`.trim();
}
