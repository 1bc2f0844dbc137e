// Asciicasts, versions 2 and 3: a line with the size, then one line for each piece of output. They may be forged.

import type { Mark } from "./messages";
import { MAX_MARKS } from "./screen";

/** A piece of output, or a new size of the terminal. */
export interface CastEvent {
  /** Milliseconds since the Unix epoch. */
  at: number;
  output: string | null;
  size: CastSize | null;
}

export interface CastSize {
  columns: number;
  rows: number;
}

/** The largest terminal that is shown. */
const MAX_COLUMNS = 500;
const MAX_ROWS = 200;

/** Reads the chunks of a terminal in order. */
export class CastReader {
  readonly marks: Mark[] = [];
  size: CastSize = { columns: 80, rows: 24 };
  damaged = 0;
  readonly #start: number;
  /** Version 3 has intervals instead of times. */
  #intervals = false;
  #at = 0;
  /** A line whose end is in the next chunk. */
  #rest = "";

  /** Times in a cast count from `start`, in milliseconds since the Unix epoch. */
  constructor(start: number) {
    this.#start = start;
  }

  /** The time of the last line. */
  get last(): number {
    return this.#start + this.#at;
  }

  read(chunk: string | null): CastEvent[] {
    if (chunk === null) {
      this.damaged += 1;
      this.#rest = "";
      return [];
    }
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    const events = lines.flatMap((line) => this.#line(line));
    // The last line may lack its end.
    const last = parsed(this.#rest);
    if (last !== undefined) {
      events.push(...this.#line(this.#rest));
      this.#rest = "";
    }
    return events;
  }

  #line(line: string): CastEvent[] {
    if (line.trim() === "" || line.startsWith("#")) {
      return [];
    }
    const value = parsed(line);
    if (Array.isArray(value)) {
      const [time, code, data] = value as unknown[];
      if (typeof time === "number" && Number.isFinite(time) && typeof data === "string") {
        return this.#event(time, code, data);
      }
    } else if (typeof value === "object" && value !== null) {
      this.#header(value as Record<string, unknown>);
      return [];
    }
    this.damaged += 1;
    return [];
  }

  #header(header: Record<string, unknown>): void {
    const term = (header.term ?? {}) as Record<string, unknown>;
    this.#intervals = header.version === 3;
    this.size = clamped(Number(term.cols ?? header.width), Number(term.rows ?? header.height));
  }

  #event(time: number, code: unknown, data: string): CastEvent[] {
    this.#at = Math.max(this.#at, this.#intervals ? this.#at + time * 1_000 : time * 1_000);
    const at = this.#start + this.#at;
    switch (code) {
      case "o":
        return [{ at, output: data, size: null }];
      case "r": {
        const [columns, rows] = data.split("x");
        return [{ at, output: null, size: clamped(Number(columns), Number(rows)) }];
      }
      case "m":
        if (this.marks.length < MAX_MARKS) {
          this.marks.push({ at, kind: "marker", text: data === "" ? "Marker" : data, failed: false });
        }
        return [];
      default:
        return [];
    }
  }
}

function clamped(columns: number, rows: number): CastSize {
  const whole = (n: number, most: number, fallback: number) =>
    Number.isFinite(n) && n >= 1 ? Math.min(most, Math.floor(n)) : fallback;
  return { columns: whole(columns, MAX_COLUMNS, 80), rows: whole(rows, MAX_ROWS, 24) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
