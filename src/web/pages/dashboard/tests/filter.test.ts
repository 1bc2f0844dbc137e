import { describe, expect, test } from "vitest";
import { complete, fieldValue, quoted, terms, withField } from "../data/filter";

describe("the terms of a filter", () => {
  test("are split at spaces outside of quotes", () => {
    const found = terms('status:failed actor:"Ann B" -env:dev no "such user"');
    expect(found.map((term) => term.text)).toEqual([
      "status:failed",
      'actor:"Ann B"',
      "-env:dev",
      "no",
      '"such user"',
    ]);
    expect(found.map((term) => term.field)).toEqual(["status", "actor", "env", null, null]);
    expect(found.map((term) => term.negated)).toEqual([false, false, true, false, false]);
  });

  test("have positions, even with an open quote", () => {
    expect(terms('  a:b  "open end')).toMatchObject([
      { start: 2, end: 5 },
      { start: 7, end: 16 },
    ]);
  });
});

test.each([
  ["acme", "acme"],
  ["Ann B", '"Ann B"'],
  ['say "hi"', '"say \\"hi\\""'],
  ["a*b", '"a*b"'],
  ["a,b", '"a,b"'],
  ["-x", '"-x"'],
  ["", '""'],
  ["=x", '"=x"'],
  [">5", '">5"'],
  ["a..b", '"a..b"'],
  ["GET https://x", '"GET https://x"'],
])("the value %j is written as %s", (value, written) => {
  expect(quoted(value)).toBe(written);
});

test("a field is replaced and other terms stay", () => {
  expect(withField('since:1h "free words" -since:2h', "since", "24h")).toBe(
    '"free words" -since:2h since:24h',
  );
  expect(withField("since:1h status:failed", "since", null)).toBe("status:failed");
  expect(fieldValue("a since:7d", "since")).toBe("7d");
  expect(fieldValue("-since:7d", "since")).toBeNull();
});

describe("completion", () => {
  const known = { project: ["acme", "big orchard"] };
  const offered = (text: string, caret = text.length) => complete(text, caret, known);

  test("offers fields, then values", () => {
    expect(offered("st").map((one) => one.label)).toEqual(["status:"]);
    expect(offered("status:f").map((one) => one.label)).toEqual(["failed"]);
    expect(offered("is").map((one) => one.label)).toEqual(["is:"]);
    expect(offered("is:").map((one) => one.label)).toEqual(["root"]);
    expect(offered("-at").map((one) => one.label)).toEqual(["-attr."]);
    expect(offered("attr.rows:")).toEqual([]);
    expect(offered("project:").map((one) => one.label)).toEqual(["acme", "big orchard"]);
  });

  test("inserts the choice and puts the caret after it", () => {
    expect(offered("kind:tool project:or")[0]).toMatchObject({
      text: 'kind:tool project:"big orchard" ',
      caret: 32,
    });
    expect(offered("-st")[0]).toMatchObject({ text: "-status:", caret: 8 });
    expect(offered("status:failed,r").map((one) => one.text)).toContain("status:failed,running ");
  });

  test("leaves out fields that the records do not have", () => {
    expect(complete("t", 1, known).map((one) => one.label)).toContain("type:");
    expect(complete("t", 1, known, ["type"]).map((one) => one.label)).not.toContain("type:");
  });

  test("keeps the text after the caret", () => {
    expect(complete("sta name:x", 3, known)[0]).toMatchObject({ text: "status:name:x", caret: 7 });
  });

  test("offers nothing for a field without known values", () => {
    expect(offered("session:ab")).toEqual([]);
  });
});
