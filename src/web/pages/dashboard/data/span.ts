// The time that the filter of a list selects, for the chart and the facets beside it.

import { daysBefore, IS_UTC } from "./dates";
import { fieldValue, terms } from "./filter";
import type { Period } from "./records";

const QUARTER = 15 * 60_000;
const HOUR = 4 * QUARTER;
const DAY = 24 * HOUR;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: HOUR, d: DAY, w: 7 * DAY };
/** The longest span of the API. */
const MAX_DAYS = 400;

/** A span of time, and the filter without its times. */
export interface Selected {
  span: Period;
  step: "quarter" | "hour" | "day";
  q: string;
  /** True if the filter has no times: the last 24 hours stand for all. */
  isDefault: boolean;
  /** True if it contains the present. */
  present: boolean;
}

/**
 * Returns the times of a filter, widened to whole quarter hours, so that they stay the same for a while; null if they are not
 * understood here.
 */
export function selected(q: string, now: number): Selected | null {
  const [since, until] = [fieldValue(q, "since"), fieldValue(q, "until")];
  const start = since === null ? now - DAY : instant(since, now);
  const end = until === null ? now : instant(until, now);
  if (start === null || end === null || start >= end || end - start > MAX_DAYS * DAY) {
    return null;
  }
  const [from, to] = [Math.floor(start / QUARTER) * QUARTER, Math.ceil(end / QUARTER) * QUARTER];
  const length = to - from;
  const others = terms(q).filter((term) => !["since", "until"].includes(term.field ?? "") || term.negated);
  return {
    span: { start: new Date(from).toISOString(), end: new Date(to).toISOString() },
    step: length <= 8 * HOUR ? "quarter" : length <= 8 * DAY ? "hour" : "day",
    q: others.map((term) => term.text).join(" "),
    isDefault: since === null && until === null,
    present: from <= now && now <= to,
  };
}

function instant(text: string, now: number): number | null {
  const [, number, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (number !== undefined && unit !== undefined) {
    return now - Number(number) * (UNITS[unit] ?? 0);
  }
  if (text === "today" || text === "yesterday") {
    return daysBefore(midnight(now), text === "today" ? 0 : 1).getTime();
  }
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const isExact = /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/i.test(text);
  const at = Date.parse(isDay ? `${text}T00:00${IS_UTC ? "Z" : ""}` : text);
  return Number.isNaN(at) || !(isDay || isExact) ? null : at;
}

function midnight(now: number): Date {
  const at = new Date(now);
  if (IS_UTC) {
    at.setUTCHours(0, 0, 0, 0);
  } else {
    at.setHours(0, 0, 0, 0);
  }
  return at;
}
