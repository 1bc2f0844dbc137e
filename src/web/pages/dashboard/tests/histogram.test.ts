import { describe, expect, test } from "vitest";
import { bars, durationAt, place, ticks } from "../data/histogram";

describe("the scale of durations", () => {
  test.each([0, 4, 12, 16, 20, 32, 1_048_576, 1_310_720, 2 ** 62])(
    "place and duration agree at %d ns",
    (ns) => {
      expect(durationAt(place(ns))).toBe(ns);
    },
  );

  test("has four ranges in every power of two", () => {
    expect(place(2_048) - place(1_024)).toBe(4);
    expect([16, 20, 24, 28, 32].map(place)).toEqual([4, 5, 6, 7, 8]);
  });
});

describe("bars", () => {
  const ranges = [
    { min_ns: 256, max_ns: 319, count: 51 },
    { min_ns: 1_048_576, max_ns: 1_310_719, count: 341 },
    { min_ns: 1_310_720, max_ns: 1_572_863, count: 314 },
  ];

  test("are the ranges of the API, if these are few", () => {
    expect(bars(ranges.slice(1), 40)).toEqual(ranges.slice(1));
    expect(bars([], 40)).toEqual([]);
  });

  test.each([40, 12, 5, 1])("are %d at most, without gaps, and count everything", (most) => {
    const found = bars(ranges, most);
    expect(found.length).toBeLessThanOrEqual(most);
    expect(found.reduce((sum, bar) => sum + bar.count, 0)).toBe(706);
    for (const [n, bar] of found.entries()) {
      expect(found[n + 1]?.min_ns ?? bar.max_ns + 1).toBe(bar.max_ns + 1);
      const inside = ranges.filter((one) => bar.min_ns <= one.min_ns && one.max_ns <= bar.max_ns);
      expect(inside.reduce((sum, one) => sum + one.count, 0)).toBe(bar.count);
    }
  });

  test("have round labels, few enough to fit", () => {
    const found = ticks(bars(ranges, 40), 7).map((tick) => tick.ns);
    expect(found).toEqual([1_000, 10_000, 100_000, 1_000_000]);
    expect(ticks(bars(ranges, 40), 2).length).toBe(2);
    // A short scale has more of them.
    const short = ticks(bars(ranges.slice(1), 40), 7).map((tick) => tick.ns);
    expect(short).toEqual([]);
    const wide = { min_ns: 7_340_032, max_ns: 8_388_607, count: 1 };
    expect(ticks(bars([...ranges.slice(1), wide], 40), 7).map((tick) => tick.ns)).toEqual([2e6, 5e6]);
  });
});
