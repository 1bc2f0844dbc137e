import { expect, test } from "vitest";
import { attribute, callsHref } from "../data/mcp";

const PERIOD = { start: "2026-03-01T00:00:00Z", end: "2026-03-02T00:00:00Z" };
const TIMES = `-status:running since:${PERIOD.start} until:${PERIOD.end}`;
const CALLS = "attr.mcp.method.name:=tools/call,=prompts/get,=resources/read";

function filter(q: string, ...more: string[]): string | null {
  return new URL(callsHref(q, PERIOD, ...more), "http://localhost").searchParams.get("q");
}

test("an attribute has a value, or is absent", () => {
  expect(attribute("mcp.server.name", "files")).toBe("attr.mcp.server.name:=files");
  expect(attribute("mcp.server.name", 'a "b"')).toBe('attr.mcp.server.name:="a \\"b\\""');
  expect(attribute("mcp.server.name", "")).toBe('attr.mcp.server.name:=""');
  expect(attribute("mcp.server.name", null)).toBe("-attr.mcp.server.name:*");
});

test.each([
  ["", [], `${CALLS} ${TIMES}`],
  ["project:acme", ["name:=x"], `project:acme ${CALLS} name:=x ${TIMES}`],
  ["", ["attr.mcp.method.name:=prompts/get"], `attr.mcp.method.name:=prompts/get ${TIMES}`],
  // A filter that names methods is narrower than all calls.
  ["attr.mcp.method.name:prompts/get", [], `attr.mcp.method.name:prompts/get ${TIMES}`],
  ['attr."mcp.method.name":=tools/call', [], `attr."mcp.method.name":=tools/call ${TIMES}`],
  ["attr.mcp.method.name:*", [], `${CALLS} ${TIMES}`],
])("the filter %j with %j counts calls", (q, more, expected) => {
  expect(filter(q, ...more)).toBe(expected);
});
