import { describe, expect, test } from "vitest";
import { periodBefore, shifted, shownTime, zoomed } from "../data/window";

const at = (text: string) => Date.parse(text);
const local = (...parts: [number, number, number, number?]) => new Date(...parts).toISOString();

describe("the time that is shown", () => {
  test("is a window that ends today, or ended earlier", () => {
    expect(shownTime({}, 0)).toMatchObject({ window: "day", step: "hour", present: true });
    expect(shownTime({ window: "month", at: "2026-02-18" }, 0)).toMatchObject({
      window: "month",
      step: "day",
      present: false,
    });
  });

  test.each([
    ["2026-02-18T08:00:00Z", "2026-02-18T09:00:00Z", "quarter", false],
    ["2026-02-18T08:00:00Z", "2026-02-20T08:00:00Z", "hour", true],
    ["2026-01-18T08:00:00Z", "2026-02-20T08:00:00Z", "day", true],
  ])("is a range from %s to %s by the %s", (since, until, step, present) => {
    const now = at("2026-02-18T12:00:00Z");
    const shown = shownTime({ since, until, window: "week" }, now);
    expect(shown).toMatchObject({ window: null, step, present, query: { since, until } });
    expect(shown.query).not.toHaveProperty("window");
  });

  test.each([
    { since: "x", until: "y" },
    { since: "2026-02-18" },
    { since: "2026-02-18", until: "2026-02-17" },
  ])("is not the range %j", (params) => expect(shownTime(params, 0).window).toBe("day"));
});

describe("the period before", () => {
  const today = { window: { start: local(2026, 1, 18), end: local(2026, 1, 19) } };

  test("is as long as the passed part, to the quarter hour", () => {
    expect(periodBefore(today, "day", at(local(2026, 1, 18, 9)) + 7 * 60_000)).toEqual({
      start: local(2026, 1, 17),
      end: local(2026, 1, 17, 9),
    });
    expect(periodBefore(today, "day", at(local(2026, 1, 18)) + 60_000)).toBeNull();
  });

  test("of a past window is the whole one before", () => {
    const now = at(local(2026, 2, 18));
    expect(periodBefore(today, "day", now)).toEqual({ start: local(2026, 1, 17), end: local(2026, 1, 18) });
    const week = { window: { start: local(2026, 1, 12), end: local(2026, 1, 19) } };
    expect(periodBefore(week, "week", now)).toEqual({ start: local(2026, 1, 5), end: local(2026, 1, 12) });
  });

  test("of a range is the range before", () => {
    const range = { start: "2026-02-18T08:00:00.000Z", end: "2026-02-18T09:30:00.000Z" };
    const before = { start: "2026-02-18T06:30:00.000Z", end: "2026-02-18T08:00:00.000Z" };
    expect(periodBefore({ window: range }, null, at("2026-03-01"))).toEqual(before);
    expect(shifted(range, -1)).toEqual(before);
    expect(shifted(before, 1)).toEqual(range);
  });
});

test("a quarter hour has nothing to zoom into", () => {
  const hour = { start: "2026-02-18T08:00:00Z", end: "2026-02-18T09:00:00Z" };
  expect(zoomed(hour)).toEqual(hour);
  expect(zoomed({ ...hour, end: "2026-02-18T08:15:00Z" })).toBeNull();
});
