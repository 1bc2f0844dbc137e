import { expect, test } from "vitest";
import { jsonLines, matchingLines, textLines, unfoldedLines } from "../data/lines";

const laidOut = (text: string) => jsonLines(text)?.map((line) => "  ".repeat(line.depth) + line.text) ?? null;

test("JSON is laid out, and stays as it was written", () => {
  const text = '{"b":1.0,"a":9007199254740993,"10":[1e400,-0,true,null],"1":{},"a":[],"t":"x,\\"}{"}';
  expect(laidOut(text)).toEqual([
    "{",
    '  "b": 1.0,',
    '  "a": 9007199254740993,',
    '  "10": [',
    "    1e400,",
    "    -0,",
    "    true,",
    "    null",
    "  ],",
    '  "1": {},',
    '  "a": [],',
    '  "t": "x,\\"}{"',
    "}",
  ]);
});

test.each([
  ['{"a":[1,2', ["{", '  "a": [', "    1,", "    2"]],
  ['{"a":"cut', ["{", '  "a": "cut']],
  ['{"a":"cut\\', ["{", '  "a": "cut\\']],
  ['{"a":tr', ["{", '  "a": tr']],
  ["[[", ["[", "  ["]],
])("truncated JSON is laid out as far as it goes: %s", (text, lines) => {
  expect(laidOut(text)).toEqual(lines);
});

test.each([
  ["plain text"],
  ["{not json}"],
  ["[1] and more"],
  ['{"a":1]'],
  ["[2026-01-01] started"],
  [""],
  ['"text"'],
])("other texts are not: %s", (text) => {
  expect(jsonLines(text)).toBeNull();
});

test("a folded part shows its first line and counts its items", () => {
  const lines = jsonLines('{"a":[1,2,3],"b":{"c":[4]}}') ?? [];
  expect(lines.flatMap(({ end, items }, n) => (end === null ? [] : [[n, end, items]]))).toEqual([
    [0, 11, 2],
    [1, 5, 3],
    [6, 10, 1],
    [7, 9, 1],
  ]);
  expect(unfoldedLines(lines, new Set([1]))).toEqual([0, 1, 6, 7, 8, 9, 10, 11]);
  expect(unfoldedLines(lines, new Set([0, 1]))).toEqual([0]);
});

test("lines are searched without regard to case", () => {
  expect(matchingLines(textLines("One\ntwo\r\nONE"), "one")).toEqual([0, 2]);
  expect(matchingLines(textLines("One"), "")).toEqual([]);
});

test("a very long line is several", () => {
  const [first, second] = [
    textLines("x".repeat(12_000)),
    jsonLines(JSON.stringify({ a: "y".repeat(12_000) })),
  ];
  expect(first.map((line) => line.text.length)).toEqual([5_000, 5_000, 2_000]);
  expect([second?.length, second?.[0]?.end, second?.[0]?.items]).toEqual([5, 4, 1]);
});

test("deep and large JSON is laid out in time", () => {
  expect(jsonLines("[".repeat(100_000))).toHaveLength(100_000);
  const rows = Array.from({ length: 60_000 }, (_, n) => ({
    n,
    text: "lorem ipsum dolor sit amet",
    ok: true,
  }));
  const text = JSON.stringify({ rows });
  expect(text.length).toBeGreaterThan(3_000_000);
  const start = performance.now();
  expect(jsonLines(text)?.length).toBe(60_000 * 5 + 4);
  expect(performance.now() - start).toBeLessThan(5_000);
});
