import { describe, expect, test } from "vitest";
import { countedHref, exactly, narrowed, within } from "../data/counted";

const DAY = { start: "2026-02-17T18:15:00Z", end: "2026-02-18T18:15:00Z" };

function filterOf(href: string): string | null {
  return new URL(href, "http://x/").searchParams.get("q");
}

describe("the address of a number", () => {
  test("has the scope, the exact period, and no running activities", () => {
    expect(filterOf(countedHref("project:=acme", DAY, "status:failed"))).toBe(
      "project:=acme status:failed -status:running since:2026-02-17T18:15:00Z until:2026-02-18T18:15:00Z",
    );
    expect(filterOf(countedHref(undefined, DAY))).toBe(
      "-status:running since:2026-02-17T18:15:00Z until:2026-02-18T18:15:00Z",
    );
  });

  test("is cut off where the figures are", () => {
    expect(within({ start: "2026-02-18T18:00:00Z", end: "2026-02-18T19:00:00Z" }, DAY)).toEqual({
      start: "2026-02-18T18:00:00Z",
      end: "2026-02-18T18:15:00Z",
    });
    expect(within(DAY, { ...DAY, start: "2026-02-17T19:00:00.5Z" }).start).toBe("2026-02-17T19:00:00.5Z");
  });
});

test.each([
  [undefined, ["project:=a"], "project:=a"],
  ["project:=a", ["agent:=b"], "project:=a agent:=b"],
  // Two values of a field would be alternatives.
  ["project:a* agent:=b", ["project:=a"], "agent:=b project:=a"],
  ["attr.a:1 attr.b:2", ["attr.a:=3"], "attr.b:2 attr.a:=3"],
  ['attr."a b":1 attr.a:2', ['attr."a b":=3'], 'attr.a:2 attr."a b":=3'],
  ["-status:running status:failed word", ["-status:running"], "status:failed word -status:running"],
  // Also where the key is written in another way; the case of a key counts.
  ['attr."a":1 attr.A:2', ["attr.a:=3"], "attr.A:2 attr.a:=3"],
  ["ENV:dev", ["environment:=prod"], "environment:=prod"],
  // Exclusions add up.
  ["-status:failed", ["-status:running"], "-status:failed -status:running"],
  ["attr.a:*x*", ["attr.a:*"], "attr.a:*x*"],
  ["-attr.a:x", ["attr.a:*"], "-attr.a:x attr.a:*"],
  ["attr.a:*", ["attr.a:*"], "attr.a:*"],
  ["since:24h", ["since:2026-02-18T00:00:00Z"], "since:2026-02-18T00:00:00Z"],
])("%j is narrowed by %j", (scope, more, expected) => {
  expect(narrowed(scope, ...more)).toBe(expected);
});

test.each([
  ["acme", "name:=acme"],
  ["", 'name:=""'],
  ['status:failed "x"', 'name:="status:failed \\"x\\""'],
  ["a, b*", 'name:="a, b*"'],
  ["<=1", 'name:="<=1"'],
])("%j is matched exactly", (value, expected) => {
  expect(exactly("name", value)).toBe(expected);
});
