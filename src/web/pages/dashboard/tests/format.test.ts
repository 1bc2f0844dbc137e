import { expect, test } from "vitest";
import { ago, bytes, dayName, duration, percent } from "../data/format";

test.each([
  [null, "–"],
  [0, "0 ns"],
  [999, "999 ns"],
  [1_500, "1.5 µs"],
  [12_345_678, "12.3 ms"],
  [820_000_000, "820 ms"],
  [999_600_000, "1 s"],
  [59_940_000_000, "59.9 s"],
  [59_960_000_000, "1 min 0 s"],
  [3_599_600_000_000, "1 h 0 min"],
  [90_061_000_000_000, "1 d 1 h"],
])("%j ns are %s", (ns, text) => {
  expect(duration(ns)).toBe(text);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1_000, "1 KB"],
  [2_650_000, "2.7 MB"],
  [999_600, "1 MB"],
])("%j bytes are %s", (n, text) => {
  expect(bytes(n)).toBe(text);
});

test("a small percentage is not shown as 0", () => {
  expect(percent(1, 100_000)).toBe("< 0.1 %");
  expect(percent(0, 100)).toBe("0 %");
  expect(percent(0, 0)).toBe("0 %");
});

test("days are in the viewer's time zone", () => {
  const now = new Date(2026, 2, 1, 0, 30);
  expect(dayName(new Date(2026, 2, 1, 0, 10).toISOString(), now)).toBe("Today");
  expect(dayName(new Date(2026, 1, 28, 23, 50).toISOString(), now)).toBe("Yesterday");
  expect(dayName(new Date(2026, 1, 27, 23, 50).toISOString(), now)).toBe("Fri 27 Feb");
});

test("a clock that is behind shows no negative age", () => {
  expect(ago(new Date(5_000).toISOString(), 1_000)).toBe("0 s ago");
  expect(ago(new Date(0).toISOString(), 7_200_000)).toBe("2 h ago");
});
