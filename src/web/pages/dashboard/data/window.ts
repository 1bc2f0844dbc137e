// The time that the overview shows: a window of days, or a chosen range.

import { daysBefore, ZONE } from "./dates";
import type { Metrics, Period } from "./records";
import type { Params } from "./route";

export const WINDOWS = ["day", "week", "month"] as const;
const DAYS = { day: 1, week: 7, month: 30 };

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;

export type Step = "quarter" | "hour" | "day";

/** The time that is shown. */
export interface Shown {
  /** The name of a window, or null for a range. */
  window: (typeof WINDOWS)[number] | null;
  /** The parameters of the API. */
  query: Record<string, string | undefined>;
  step: Step;
  /** True if it contains the present, so that its figures change. */
  present: boolean;
}

export function shownTime(params: Params, now: number): Shown {
  const { since, until, at } = params;
  const [start, end] = [Date.parse(since ?? ""), Date.parse(until ?? "")];
  if (start < end) {
    const query = { since, until, tz: ZONE };
    return { window: null, query, step: stepOf(end - start), present: start <= now && now < end };
  }
  const window = WINDOWS.find((one) => one === params.window) ?? "day";
  const step = window === "month" ? "day" : "hour";
  return { window, query: { window, at, tz: ZONE }, step, present: at === undefined };
}

function stepOf(length: number): Step {
  return length <= 8 * HOUR ? "quarter" : length <= 8 * 24 * HOUR ? "hour" : "day";
}

/** Returns the range to zoom to, or null if it has no finer steps than the range itself. */
export function zoomed(range: Period): Period | null {
  return Date.parse(range.end) - Date.parse(range.start) > QUARTER ? range : null;
}

/** Returns the range before or after one, of the same length. */
export function shifted(range: Period, by: 1 | -1): Period {
  const [start, end] = [Date.parse(range.start), Date.parse(range.end)];
  const shift = (at: number) => new Date(at + by * (end - start)).toISOString();
  return { start: shift(start), end: shift(end) };
}

/**
 * Returns the period before, as long as the part of this one that has passed: sums are kept by the quarter hour, so to the
 * nearest one. Returns null if none has passed.
 */
export function periodBefore(
  { window: period }: Pick<Metrics, "window">,
  window: Shown["window"],
  now: number,
): Period | null {
  const [start, end] = [Date.parse(period.start), Date.parse(period.end)];
  const passed = now < end ? Math.round((now - start) / QUARTER) * QUARTER : end - start;
  const before =
    window === null ? new Date(start - (end - start)) : daysBefore(new Date(start), DAYS[window]);
  const until = Math.min(before.getTime() + passed, start);
  return passed > 0 ? { start: before.toISOString(), end: new Date(until).toISOString() } : null;
}
