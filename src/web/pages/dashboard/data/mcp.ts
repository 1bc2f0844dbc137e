// The filters of MCP calls: each number opens the calls that it counts.

import { countedHref, exactly, narrowed } from "./counted";
import { quoted } from "./filter";
import type { Period } from "./records";

/** Returns a term for exactly this value of an attribute, or for activities without it. */
export function attribute(key: string, value: string | null): string {
  return value === null ? `-attr.${key}:*` : exactly(`attr.${key}`, value);
}

/**
 * Returns the address of the timeline with the MCP calls that a number counts. `methods` are those that the server has counted within
 * the filter: the list has no others, whatever the filter says of methods.
 */
export function callsHref(q: string, methods: readonly string[], period: Period, ...more: string[]): string {
  const values = methods.map((method) => `=${quoted(method)}`).join(",");
  return countedHref(narrowed(q, `attr.mcp.method.name:${values}`), period, ...more);
}
