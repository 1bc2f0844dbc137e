// Formats numbers, durations and sizes.

import { ExactNumber } from "./json";

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** What stands for a number that is not known. */
const UNKNOWN = "–";

export function count(n: number | ExactNumber | null): string {
  if (n === null) {
    return UNKNOWN;
  }
  return whole.format(n instanceof ExactNumber ? BigInt(n.source) : n);
}

export function compact(n: number | null): string {
  if (n === null) {
    return UNKNOWN;
  }
  return n < 10_000 ? whole.format(n) : short.format(n);
}

/** Formats a count with its noun. */
export function plural(n: number | null, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function rate(n: number | null): string {
  if (n === null) {
    return UNKNOWN;
  }
  return n >= 100 ? whole.format(Math.round(n)) : tenth.format(n);
}

export function percent(part: number | null, of: number | null): string {
  if (part === null || of === null) {
    return UNKNOWN;
  }
  if (of === 0) {
    return "0 %";
  }
  const percent = (100 * part) / of;
  return `${percent > 0 && percent < 0.1 ? "< 0.1" : tenth.format(percent)} %`;
}

const US = 1_000;
const MS = 1_000_000;
const S = 1_000_000_000;

/** Formats a duration in nanoseconds with about three digits, as the CLI does: `380 µs`, `45 ms`, `1.23 s`, `2 min 05 s`. */
export function duration(ns: number | null): string {
  if (ns === null) {
    return UNKNOWN;
  }
  // Bounds at which rounding reaches the next unit.
  const units: [number, number, number, string][] = [
    [US, 1, 0, "ns"],
    [999_500, US, 0, "µs"],
    [9_950_000, MS, 1, "ms"],
    [999_500_000, MS, 0, "ms"],
    [9_995_000_000, S, 2, "s"],
    [59_950_000_000, S, 1, "s"],
  ];
  const found = units.find(([below]) => ns < below);
  if (found !== undefined) {
    const [, unit, digits, name] = found;
    return `${decimal(ns, unit, digits)} ${name}`;
  }
  const seconds = Math.round(ns / S);
  const [large, small, parts] =
    seconds < 3_600
      ? (["min", "s", [Math.floor(seconds / 60), seconds % 60]] as const)
      : seconds < 86_400
        ? (["h", "min", [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)]] as const)
        : (["d", "h", [Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3_600)]] as const);
  return `${parts[0]} ${large} ${String(parts[1]).padStart(2, "0")} ${small}`;
}

/** Formats a number of units with so many digits after the point, halves rounded up. */
function decimal(n: number, unit: number, digits: number): string {
  const scale = 10 ** digits;
  return (Math.round((n * scale) / unit) / scale).toFixed(digits);
}

/** Formats a number of bytes: `512 B`, `1.2 kB`, `34.5 MB`. */
export function bytes(n: number): string {
  const names = ["kB", "MB", "GB", "TB", "PB"];
  if (n < 1_000) {
    return `${n} B`;
  }
  let [unit, name] = [1_000, 0];
  // From here on, rounding reaches the next unit.
  while (n * 100 >= 99_995 * unit && name + 1 < names.length) {
    unit *= 1_000;
    name += 1;
  }
  return `${decimal(n, unit, 1)} ${names[name]}`;
}

/** Formats a position in something that takes `total` milliseconds: `1:05`, with tenths if it is shorter than a minute. */
export function mediaTime(ms: number, total: number): string {
  const tenths = Math.max(0, Math.floor(ms / 100 + 1e-6));
  const seconds = Math.floor(tenths / 10);
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  const head = hours > 0 ? `${hours}:${two(minutes)}` : String(minutes);
  return `${head}:${two(seconds % 60)}${total < 60_000 ? `.${tenths % 10}` : ""}`;
}

/** Formats the change from one number to another, without its sign; null if it has none. */
export function change(from: number, to: number): string | null {
  if (from <= 0) {
    return null;
  }
  const share = to / from;
  if (share >= 10) {
    return `× ${compact(Math.round(share))}`;
  }
  const part = 100 * Math.abs(share - 1);
  if (part > 99 && part < 100) {
    return "> 99 %";
  }
  return part < 10 ? percent(part, 100) : `${Math.round(part)} %`;
}
