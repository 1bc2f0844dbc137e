import { expect, test } from "vitest";
import { escaped, escapedLine, printable, shortened } from "../data/names";

test("blank names are named, and control characters are escapes", () => {
  expect([" ", "", "a"].map(printable)).toEqual(["(unnamed)", "(unnamed)", "a"]);
  expect(escaped("\u202ereversed\u202c\n\u0007")).toBe("\\u{202e}reversed\\u{202c}\\n\\u{7}");
  expect(escapedLine("a\tb\u2066")).toBe("a\tb\\u2066");
});

test("names in any script and emoji stay as they are", () => {
  for (const name of ["بحث عن المنتجات", "商品検索", "👨‍👩‍👧‍👦 family", "café"]) {
    expect(escaped(name)).toBe(name);
  }
});

test("names in options are shortened", () => {
  expect(shortened("x".repeat(100))).toBe(`${"x".repeat(60)}…`);
});
