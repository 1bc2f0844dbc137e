// The filters of MCP calls: each number opens the calls that it counts.

import { countedHref, exactly, narrowed } from "./counted";
import { terms } from "./filter";
import type { Period } from "./records";

const METHOD = /^attr\.("?)mcp\.method\.name\1:/i;
/** Calls of tools, prompts and resources: not the requests of servers to their clients. */
const CALLS = "attr.mcp.method.name:=tools/call,=prompts/get,=resources/read";

/** Returns a term for exactly this value of an attribute, or for activities without it. */
export function attribute(key: string, value: string | null): string {
  return value === null ? `-attr.${key}:*` : exactly(`attr.${key}`, value);
}

/** Returns the address of the timeline with the MCP calls that a number counts. */
export function callsHref(q: string, period: Period, ...more: string[]): string {
  return countedHref(withCalls(q), period, ...more);
}

/** Restricts a filter to MCP calls, unless it names their methods. */
function withCalls(q: string): string {
  const isNamed = terms(q).some(({ text }) => METHOD.test(text) && !text.includes("*"));
  return isNamed ? q : narrowed(q, CALLS);
}
