// The addresses of numbers: each opens the timeline with the activities that it counts.

import { quoted, terms } from "./filter";
import type { Period } from "./records";
import { href } from "./route";

/**
 * Returns the address of the timeline with the activities that a number counts: those of a scope that started in a period. As
 * in the statistics, running ones are left out.
 */
export function countedHref(scope: string | undefined, period: Period, ...more: string[]): string {
  const times = [`since:${period.start}`, `until:${period.end}`];
  return href("timeline", { q: narrowed(scope, ...more, "-status:running", ...times) });
}

/** Returns a term for exactly this value of a field. */
export function exactly(field: string, value: string): string {
  return `${field}:=${quoted(value)}`;
}

/**
 * Narrows a filter by terms. Each replaces those of its field, as several values of a field are alternatives; a term for any value
 * does not, as any other is narrower. Exclusions add up.
 */
export function narrowed(scope: string | undefined, ...more: string[]): string {
  const all = terms(scope ?? "").map((term) => term.text);
  return more
    .reduce((kept, term) => {
      const others = kept.filter((one) => field(one) !== field(term));
      const isKept = term.endsWith(":*") && others.length < kept.length;
      return isKept ? kept : [...others, term];
    }, all)
    .join(" ");
}

/** Returns the field of a term, with the key of an attribute. An exclusion is alone. */
function field(term: string): string {
  const match = /^([a-z]+)(?:\.("(?:\\.|[^"\\])*"|[^:"]+))?:/i.exec(term);
  if (match === null) {
    return term;
  }
  const [, name = "", key = ""] = match;
  const unquoted = key.startsWith('"') ? key.slice(1, -1).replace(/\\(.)/g, "$1") : key;
  return `${name.toLowerCase().replace(/^env$/, "environment")}.${unquoted}`;
}

/** Returns the part of a period that lies within another. */
export function within(period: Period, outer: Period): Period {
  const start = Date.parse(period.start) < Date.parse(outer.start) ? outer.start : period.start;
  const end = Date.parse(period.end) > Date.parse(outer.end) ? outer.end : period.end;
  return { start, end };
}
