import { expect, test } from "vitest";
import { attribute, callsHref } from "../data/mcp";

const PERIOD = { start: "2026-03-01T00:00:00Z", end: "2026-03-02T00:00:00Z" };
const TIMES = `-status:running since:${PERIOD.start} until:${PERIOD.end}`;
const CALLS = "attr.mcp.method.name:=tools/call,=prompts/get,=resources/read";

const ALL = ["tools/call", "prompts/get", "resources/read"];

function filter(q: string, methods: string[], ...more: string[]): string | null {
  return new URL(callsHref(q, methods, PERIOD, ...more), "http://localhost").searchParams.get("q");
}

test("an attribute has a value, or is absent", () => {
  expect(attribute("mcp.server.name", "files")).toBe("attr.mcp.server.name:=files");
  expect(attribute("mcp.server.name", 'a "b"')).toBe('attr.mcp.server.name:="a \\"b\\""');
  expect(attribute("mcp.server.name", "")).toBe('attr.mcp.server.name:=""');
  expect(attribute("mcp.server.name", null)).toBe("-attr.mcp.server.name:*");
});

test.each([
  ["", ALL, [], `${CALLS} ${TIMES}`],
  ["project:acme", ALL, ["name:=x"], `project:acme ${CALLS} name:=x ${TIMES}`],
  ["", ALL, ["attr.mcp.method.name:=prompts/get"], `attr.mcp.method.name:=prompts/get ${TIMES}`],
  // Whatever a filter says of methods, the list has those that were counted.
  [
    "attr.mcp.method.name:tools/call,sampling/createMessage",
    ["tools/call"],
    [],
    `attr.mcp.method.name:=tools/call ${TIMES}`,
  ],
  ['attr."mcp.method.name":*', ALL, [], `${CALLS} ${TIMES}`],
])("the filter %j with the methods %j and %j counts calls", (q, methods, more, expected) => {
  expect(filter(q, methods, ...more)).toBe(expected);
});
