import { expect, test, vi } from "vitest";
import cases from "../../../../../tests/format.json";
import { ago, dayName, span } from "../data/dates";
import { bytes, change, count, duration, percent } from "../data/format";

// The command's tests check the same cases: both write the same.
const same = cases as unknown as Record<keyof typeof cases, [number, string][]>;

test.each(same.duration)("%j ns are %s", (ns, text) => {
  expect(duration(ns)).toBe(text);
});

test.each(same.bytes)("%j bytes are %s", (n, text) => {
  expect(bytes(n)).toBe(text);
});

test.each(same.count)("%j is written as %s", (n, text) => {
  expect(count(n)).toBe(text);
});

test.each(same.ago_ms)("%j ms ago is %s", (ms, text) => {
  const now = Date.parse("2026-03-01T12:00:00Z");
  expect(ago(new Date(now - ms).toISOString(), now)).toBe(text);
});

test("an unknown number is a dash", () => {
  expect([duration(null), count(null)]).toEqual(["–", "–"]);
});

test("a small percentage is not shown as 0", () => {
  expect(percent(1, 100_000)).toBe("< 0.1 %");
  expect(percent(0, 100)).toBe("0 %");
  expect(percent(0, 0)).toBe("0 %");
});

vi.setSystemTime(new Date(2026, 5, 1));

test("days are in the viewer's time zone", () => {
  const now = new Date(2026, 2, 1, 0, 30);
  expect(dayName(new Date(2026, 2, 1, 0, 10).toISOString(), now)).toBe("Today");
  expect(dayName(new Date(2026, 1, 28, 23, 50).toISOString(), now)).toBe("Yesterday");
  expect(dayName(new Date(2026, 1, 27, 23, 50).toISOString(), now)).toBe("Fri 27 Feb");
});

test("dates of other years have the year", () => {
  expect(dayName(new Date(2025, 1, 27).toISOString(), new Date())).toBe("Thu, 27 Feb 2025");
});

test("a clock that is behind shows no negative age", () => {
  expect(ago(new Date(5_000).toISOString(), 1_000)).toBe("just now");
});

test("what is long ago has a date", () => {
  expect(ago(new Date(2026, 0, 20, 12).toISOString(), new Date(2026, 2, 1, 12).getTime())).toBe("2026-01-20");
});

test.each([
  [100, 112, "12 %"],
  [100, 97.5, "2.5 %"],
  [200, 0, "100 %"],
  [1_000, 1, "> 99 %"],
  [10, 1_500, "× 150"],
  [5, 5, "0 %"],
  [0, 5, null],
])("from %d to %d it changed by %s", (from, to, text) => {
  expect(change(from, to)).toBe(text);
});

test("a span has times unless it consists of days", () => {
  const at = (day: number, hour = 0, minute = 0) => new Date(2026, 1, day, hour, minute).toISOString();
  expect(span(at(18), at(19))).toBe("Wed 18 Feb");
  expect(span(at(12), at(19))).toBe("Thu 12 Feb – Wed 18 Feb");
  expect(span(at(18, 9, 15), at(18, 11))).toBe("Wed 18 Feb, 09:15 – 11:00");
  expect(span(at(18, 22), at(19, 2))).toBe("Wed 18 Feb, 22:00 – Thu 19 Feb, 02:00");
});
