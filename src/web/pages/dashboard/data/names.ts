// Names as they come from other programs: blank, very long, with control characters, or written from right to left.

/** Control characters, invisible ones, and those that change the direction of the text around them: as in the CLI. */
const CONTROLS = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Spaces that look as others do, or as none: around a name, several in a row, and those of other widths. */
const SPACES = /^\p{Zs}+|\p{Zs}+$|\p{Zs}{2,}|(?![ \u3000])\p{Zs}/gu;
/** Texts of spaces alone, and of invisible characters. */
const BLANK = /^[\s\p{Zs}\p{Cc}\p{Cf}]*$/u;

/** Writes control characters as escapes. */
export function escaped(text: string): string {
  return text.replace(CONTROLS, escapeOf);
}

/** Writes control characters in a line of a payload as JSON does, except for tabs. */
export function escapedLine(text: string): string {
  return text.replace(CONTROLS, (char) =>
    char === "\t" ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

function escapeOf(char: string): string {
  return SHORT[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Whether nothing of a name can be seen. */
export function isBlank(name: string): boolean {
  return BLANK.test(name);
}

/** Returns a name as plain text: names that differ look different. */
export function printable(name: string): string {
  const shown = escaped(name).replace(SPACES, (spaces) =>
    Array.from(spaces, (space) => (space === " " ? "␣" : escapeOf(space))).join(""),
  );
  return name === "" ? "(unnamed)" : isBlank(name) ? `(blank: ${shown})` : shown;
}

/** Shortens a name for places without an ellipsis of their own, such as options. */
export function shortened(name: string, most = 60): string {
  const shown = printable(name);
  return shown.length > most ? `${shown.slice(0, most)}…` : shown;
}
