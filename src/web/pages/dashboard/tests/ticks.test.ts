import { expect, test } from "vitest";
import { COUNT_STEPS, durationTicks, roundDuration } from "../data/ticks";

const MS = 1e6;
const S = 1e9;
const shown = (span: number, most: number) => durationTicks(span, most).map(roundDuration);

test("ticks are round, and as many as have room", () => {
  expect(shown(25 * S, 6)).toEqual(["0", "5 s", "10 s", "15 s", "20 s", "25 s"]);
  expect(shown(1_209 * MS, 4)).toEqual(["0", "500 ms", "1 s"]);
  expect(shown(134 * 60 * S, 6)).toEqual(["0", "30 min", "1 h", "1 h 30 min", "2 h"]);
  expect(shown(1.3 * MS, 8)).toEqual(["0", "200 µs", "400 µs", "600 µs", "800 µs", "1 ms", "1.2 ms"]);
  expect(shown(3.1 * S, 8)).toEqual(["0", "500 ms", "1 s", "1.5 s", "2 s", "2.5 s", "3 s"]);
  expect(shown(240 * MS, 2)).toEqual(["0", "200 ms"]);
  expect(shown(4.5 * MS, 2)).toEqual(["0", "2 ms"]);
  expect(shown(0, 4)).toEqual(["0"]);
});

test("steps of counts are whole", () => {
  expect(COUNT_STEPS.slice(0, 5)).toEqual([1, 2, 5, 10, 20]);
});
