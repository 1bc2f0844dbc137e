// JSON whose numbers stay as they were written: 9007199254740993 is not 9007199254740992, and 1.0 is not 1.

/** A number that JavaScript cannot hold, or prints differently: computes as the nearest number, prints as it was written. */
export class ExactNumber extends Number {
  constructor(readonly source: string) {
    super(source);
  }

  override toString(): string {
    return this.source;
  }
}

/** Strings, and numbers outside of them. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The key of an object that stands for a number while parsing. It is random, so that no record can contain it. */
const MARK = `number-${Math.random()}`;

/** Parses JSON. Numbers that would not print as they were written are `ExactNumber`s. */
export function parse(text: string): unknown {
  // Not every supported browser passes the source of a number to a reviver.
  const marked = text.replace(TOKENS, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : `{"${MARK}":"${token}"}`,
  );
  return marked === text ? JSON.parse(text) : JSON.parse(marked, unmarked);
}

function unmarked(_key: string, value: unknown): unknown {
  const isNumber = typeof value === "object" && value !== null && Object.hasOwn(value, MARK);
  return isNumber ? new ExactNumber((value as Record<string, string>)[MARK] ?? "") : value;
}

/** The fields of records that hold JSON of the application. */
const FREE = ["attributes", "data"];

/**
 * Parses a response of the API. Outside of the application's JSON only integers that JavaScript cannot hold are `ExactNumber`s: the
 * pages compute with all others.
 */
export function parseRecords(text: string): unknown {
  return typed(parse(text));
}

function typed(value: unknown): unknown {
  if (value instanceof ExactNumber) {
    const isHeld = Number.isSafeInteger(Number(value)) || !/^-?\d+$/.test(value.source);
    return isHeld ? Number(value) : value;
  }
  if (Array.isArray(value)) {
    return value.map(typed);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const fields = Object.entries(value).map(([key, inner]) => [
    key,
    FREE.includes(key) ? inner : typed(inner),
  ]);
  return Object.fromEntries(fields);
}

/** Prints a parsed value as JSON: indented, or on one line without spaces. */
export function print(value: unknown, style: "indented" | "compact", indent = ""): string {
  if (value instanceof ExactNumber) {
    return value.source;
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  const inner = `${indent}  `;
  const colon = style === "indented" ? ": " : ":";
  const [start, items, end] = Array.isArray(value)
    ? ["[", value.map((item) => print(item, style, inner)), "]"]
    : [
        "{",
        Object.entries(value).map(([key, item]) => JSON.stringify(key) + colon + print(item, style, inner)),
        "}",
      ];
  return style === "compact" || items.length === 0
    ? start + items.join(",") + end
    : `${start}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${end}`;
}
