// Round numbers for axes.

import { duration } from "./format";

const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Whole steps of counts. */
export const COUNT_STEPS: readonly number[] = decades(0, 15);
/** Steps of durations in nanoseconds: decimal up to 10 s, then those of a clock. */
export const DURATION_STEPS: readonly number[] = [
  ...decades(0, 9),
  ...[10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * DAY),
];

/** 1, 2 and 5 times the powers of ten. */
function decades(from: number, to: number): number[] {
  const powers = Array.from({ length: to - from + 1 }, (_, n) => 10 ** (from + n));
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}

/** Formats a round duration in nanoseconds. */
export function roundDuration(ns: number): string {
  return ns === 0
    ? "0"
    : duration(ns)
        .replace(/\.0+(?= )|(\.\d*?)0+(?= )/, "$1")
        .replace(/ 00 (s|min|h)$/, "");
}

/** Returns two to `most` round positions in `span` nanoseconds, from 0 on. */
export function durationTicks(span: number, most: number): number[] {
  const fitting = DURATION_STEPS.find((one) => span / one < most) ?? span;
  // With room for two, the next step may be beyond the end: then it is one that has more positions than room.
  const step = fitting <= span ? fitting : (DURATION_STEPS.findLast((one) => one <= span) ?? fitting);
  const ticks: number[] = [];
  for (let at = 0; at <= span && ticks.length < most; at += step) {
    ticks.push(at);
  }
  return ticks;
}
