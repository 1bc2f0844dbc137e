// Payloads as lines. JSON is laid out from its text, token by token: numbers, the order of keys and duplicates stay as they were
// written, and a truncated text is laid out as far as it goes.

export interface Line {
  text: string;
  /** Levels of indentation. */
  depth: number;
  /** The number of the line that closes what this one opens. */
  end: number | null;
  /** Number of items between both. */
  items: number;
}

/** A string (the last one may be cut), a number or word, punctuation, or white space. */
const TOKEN = /"(?:[^"\\]|\\.)*(?:"|\\?$)|[^\s",:[\]{}]+|[,:[\]{}]|\s+/g;
/** What JSON has besides strings and punctuation; the last one may be cut. */
const ATOM = /^(?:-?\d[\d.eE+-]*|-|t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?)$/;
const CLOSES: Readonly<Record<string, string>> = { "{": "}", "[": "]" };

/** Lays out JSON, also if its end is missing; `null` if it is none. */
export function jsonLines(text: string): Line[] | null {
  if (!/^\s*[{[]/.test(text)) {
    return null;
  }
  const lines: Line[] = [];
  const open: { bracket: string; line: number }[] = [];
  let current = "";
  let ended = false;
  const put = () => {
    if (current !== "") {
      push(lines, current, open.length);
      current = "";
    }
  };
  const tokens = text.matchAll(TOKEN);
  for (const [token] of tokens) {
    const first = token.charAt(0);
    if (/\s/.test(first)) {
      continue;
    }
    if (ended || (first !== '"' && !/[,:[\]{}]/.test(first) && !ATOM.test(token))) {
      return null;
    }
    if (first === "{" || first === "[") {
      const line = lines.length;
      lines.push({ text: current + token, depth: open.length, end: null, items: 0 });
      current = "";
      open.push({ bracket: token, line });
    } else if (first === "}" || first === "]") {
      put();
      const start = open.pop();
      const opened = lines[start?.line ?? -1];
      if (start === undefined || opened === undefined || CLOSES[start.bracket] !== token) {
        return null;
      }
      if (opened === lines.at(-1)) {
        // Empty: it stays on one line.
        lines.pop();
        current = opened.text + token;
      } else {
        opened.end = lines.length;
        opened.items += 1;
        current = token;
      }
      ended = open.length === 0;
    } else if (first === ",") {
      current += ",";
      put();
      const around = lines[open.at(-1)?.line ?? -1];
      if (around === undefined) {
        return null;
      }
      around.items += 1;
    } else {
      current += first === ":" ? ": " : token;
    }
  }
  put();
  return lines;
}

/** Returns the lines of a text. */
export function textLines(text: string): Line[] {
  const lines: Line[] = [];
  for (const line of text.split(/\r\n|\n|\r/)) {
    push(lines, line, 0);
  }
  return lines;
}

/** Longer lines are shown as several: browsers take seconds for a line of megabytes. */
const MAX_LINE = 5_000;

function push(lines: Line[], text: string, depth: number): void {
  for (let start = 0; start === 0 || start < text.length; start += MAX_LINE) {
    lines.push({ text: text.slice(start, start + MAX_LINE), depth, end: null, items: 0 });
  }
}

/** Returns the numbers of the lines that are not in a folded part. */
export function unfoldedLines(lines: readonly Line[], folded: ReadonlySet<number>): number[] {
  const shown: number[] = [];
  for (let n = 0; n < lines.length; n += 1) {
    shown.push(n);
    const end = lines[n]?.end ?? null;
    if (end !== null && folded.has(n)) {
      n = end;
    }
  }
  return shown;
}

/** Returns the numbers of the lines that contain a text, without regard to case. */
export function matchingLines(lines: readonly Line[], text: string): number[] {
  if (text === "") {
    return [];
  }
  const wanted = text.toLowerCase();
  return lines.flatMap((line, n) => (line.text.toLowerCase().includes(wanted) ? [n] : []));
}
