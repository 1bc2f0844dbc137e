// Distributions of durations, as bars of a logarithmic scale.

import type { DurationCount } from "./records";

export interface Bar {
  min_ns: number;
  /** Included. */
  max_ns: number;
  count: number;
}

/** The smallest durations have ranges of their own width. */
const LINEAR_NS = 16;

/**
 * Returns the place of a duration on the scale of the API's ranges: every power of two has four, and each of them has a
 * length of 1.
 */
export function place(ns: number): number {
  if (ns < LINEAR_NS) {
    return ns / 4;
  }
  const octave = Math.floor(Math.log2(ns));
  return 4 * (octave - 3) + 4 * (ns / 2 ** octave - 1);
}

/** Returns the shortest duration at a place: the inverse of `place`. */
export function durationAt(at: number): number {
  if (at < 4) {
    return at * 4;
  }
  const octave = Math.floor(at / 4) + 3;
  return 2 ** octave * (1 + (at % 4) / 4);
}

/** Returns at most `most` bars of equal length on the scale, with empty ones between. */
export function bars(durations: readonly DurationCount[], most: number): Bar[] {
  const [first, last] = [durations[0], durations.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const index = (ns: number) => Math.floor(place(ns));
  let size = 1;
  const start = () => Math.floor(index(first.min_ns) / size);
  const end = () => Math.floor(index(last.min_ns) / size) + 1;
  while (end() - start() > most) {
    size *= 2;
  }
  const found: Bar[] = [];
  for (let n = start(); n < end(); n += 1) {
    const after = durationAt((n + 1) * size);
    found.push({ min_ns: durationAt(n * size), max_ns: after - 1, count: 0 });
  }
  for (const one of durations) {
    const bar = found[Math.floor(index(one.min_ns) / size) - start()];
    if (bar !== undefined) {
      bar.count += one.count;
    }
  }
  return found;
}

const [US, MS, S] = [1e3, 1e6, 1e9];
/** Round durations: few, or more where the scale is short. */
const TICKS = [
  [
    ...[1, 10, 100].flatMap((n) => [n, n * US, n * MS]),
    ...[1, 10, 60, 600, 3_600, 36_000, 86_400].map((n) => n * S),
  ],
  [
    ...[1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((n) => [n, n * US, n * MS]),
    ...[1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800].map((n) => n * S),
    ...[1, 2, 5, 10, 24, 48, 120].map((n) => n * 3_600 * S),
  ],
].map((ticks) => ticks.sort((a, b) => a - b));
const FEW = 4;

/** Returns round durations on the scale of some bars, with their places from 0 to 1. At most `most`. */
export function ticks(all: readonly Bar[], most: number): { ns: number; at: number }[] {
  const [first, last] = [all[0], all.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const [start, end] = [place(first.min_ns), place(last.max_ns + 1)];
  const [few = [], more = []] = TICKS.map((ticks) =>
    ticks
      .map((ns) => ({ ns, at: (place(ns) - start) / (end - start) }))
      .filter(({ at }) => at >= 0 && at <= 1),
  );
  const inside = few.length >= FEW ? few : more;
  const every = Math.ceil(inside.length / most);
  return inside.filter((_, n) => n % every === 0);
}
