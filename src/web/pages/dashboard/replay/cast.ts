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
  /** The parts of a line whose end is in a later chunk. */
  #parts: string[] = [];
  /** How deep the line is nested so far, and whether it is within a string: each character is looked at once. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;

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
      this.#begin();
      return [];
    }
    const lines = chunk.split("\n");
    const rest = lines.pop() ?? "";
    const events = lines.flatMap((line) => {
      const whole = [...this.#parts, line].join("");
      this.#begin();
      return this.#line(whole);
    });
    this.#parts.push(rest);
    // The last line may lack its end.
    if (this.#closes(rest)) {
      events.push(...this.#line(this.#parts.join("")));
      this.#begin();
    }
    return events;
  }

  #begin(): void {
    this.#parts = [];
    this.#depth = 0;
    this.#isInString = false;
    this.#isEscaped = false;
  }

  /** Follows the brackets of a line through its next part. Returns true if the part closes the first one. */
  #closes(part: string): boolean {
    let isClosed = false;
    for (const char of part) {
      if (this.#isInString) {
        this.#isInString = this.#isEscaped || char !== '"';
        this.#isEscaped = !this.#isEscaped && char === "\\";
      } else if (char === '"') {
        this.#isInString = true;
      } else if (char === "[" || char === "{") {
        this.#depth += 1;
      } else if (char === "]" || char === "}") {
        this.#depth -= 1;
        isClosed = this.#depth === 0;
      }
    }
    return isClosed && this.#depth === 0;
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
