// Formats dates and times, in the time zone of the viewer or in UTC.

import type { Unknown } from "./records";

const KEY = "activity.zone";
const LOCAL = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The time zone of the pages, which is that of days in filters, too. */
export const ZONE = stored() === "UTC" ? "UTC" : LOCAL;
export const IS_UTC = ZONE === "UTC";
/** Whether there is a choice. */
export const HAS_ZONES = LOCAL !== "UTC";

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Switches between UTC and the viewer's own time zone. Everything is formatted again, so the document is loaded again. */
export function switchZone(): void {
  try {
    localStorage.setItem(KEY, IS_UTC ? "local" : "UTC");
  } catch {
    // Without storage there is one time zone.
    return;
  }
  location.reload();
}

const format = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat("en-GB", { ...options, timeZone: ZONE });
const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = format({ hour: "2-digit", minute: "2-digit" });
const month = { day: "numeric", month: "short" } as const;
const days = [
  format({ weekday: "short", ...month }),
  format({ weekday: "short", ...month, year: "numeric" }),
];
const months = [format(month), format({ ...month, year: "numeric" })];
/** As the command writes dates: 2026-02-18. */
const isoDate = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  timeZone: ZONE,
});
const full = format({
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  timeZoneName: "short",
});

const yearOf = (at: Date) => (IS_UTC ? at.getUTCFullYear() : at.getFullYear());
const dayOf = (at: Date) => (IS_UTC ? at.toISOString().slice(0, 10) : at.toDateString());

/** Whether two instants are on the same day. */
export function isSameDay(one: Date, other: Date): boolean {
  return dayOf(one) === dayOf(other);
}

/** Formats with the year if it is not this one. */
function withYear([short, long]: Intl.DateTimeFormat[], at: Date): string {
  return (yearOf(at) === yearOf(new Date()) ? short : long)?.format(at) ?? "";
}

export const time = (at: string) => clock.format(new Date(at));
export const hourMinute = (at: Date) => minute.format(at);
export const date = (at: Date) => withYear(days, at);
export const dateMinute = (at: Date) => `${date(at)}, ${hourMinute(at)}`;
export const dayMonth = (at: Date) => withYear(months, at);
/** With milliseconds and time zone. */
export const instant = (at: string) => full.format(new Date(at));

/** Whether a day begins at this instant. */
export function isMidnight(at: Date): boolean {
  return hourMinute(at) === "00:00";
}

/** Returns the instant with the same time of day `n` days before. A day may have 23 or 25 hours. */
export function daysBefore(at: Date, n: number): Date {
  const before = new Date(at);
  if (IS_UTC) {
    before.setUTCDate(before.getUTCDate() - n);
  } else {
    before.setDate(before.getDate() - n);
  }
  return before;
}

/** "Today", "Yesterday" or the date. */
export function dayName(at: string, now: Date): string {
  const then = new Date(at);
  if (isSameDay(then, now)) {
    return "Today";
  }
  return isSameDay(then, daysBefore(now, 1)) ? "Yesterday" : date(then);
}

/** Formats an age: `just now`, `3 min ago`; the date after 30 days. A clock that is behind shows no negative age. */
export function ago(at: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(at)) / 1_000);
  if (seconds < 1) {
    return "just now";
  }
  if (seconds >= 30 * 86_400) {
    return isoDate.format(new Date(at));
  }
  const steps: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ];
  const step = steps.find(([size]) => seconds >= size);
  return step === undefined ? `${seconds} s ago` : `${Math.floor(seconds / step[0])} ${step[1]} ago`;
}

const WHY_UNKNOWN: Record<Unknown["reason"], string> = {
  deleted: "records were deleted by retention",
  too_many: "there are too many activities to add up, as their statistics were deleted by retention",
  scan_limit: "there are too many activities to read one by one",
};

/** Formats the part of a window that is not known. */
export function unknownPart(unknown: Unknown): string {
  return `Unknown before ${dateMinute(new Date(unknown.until))}: ${WHY_UNKNOWN[unknown.reason]}`;
}

/** Formats a span of time within a day, or over several. */
export function span(start: string, end: string): string {
  const [from, to] = [new Date(start), new Date(end)];
  const last = new Date(to.getTime() - 1);
  if (isMidnight(from) && isMidnight(to)) {
    return isSameDay(from, last) ? date(from) : `${date(from)} – ${date(last)}`;
  }
  return isSameDay(from, last)
    ? `${date(from)}, ${hourMinute(from)} – ${hourMinute(to)}`
    : `${dateMinute(from)} – ${dateMinute(to)}`;
}

/** Formats a period: a date, or a date with times. */
export function period(start: string, end: string): string {
  const [from, to] = [new Date(start), new Date(end)];
  if (to.getTime() - from.getTime() >= 23 * 3_600_000) {
    return date(from);
  }
  return `${date(from)}, ${hourMinute(from)} – ${hourMinute(to)}`;
}
