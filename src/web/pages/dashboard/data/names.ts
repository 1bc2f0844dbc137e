// Names as they come from other programs: blank, very long, with control characters, or written from right to left.

/** Control characters, invisible ones, and those that change the direction of the text around them: as in the CLI. */
const CONTROLS = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** What stands for a blank name. */
export const UNNAMED = "(unnamed)";

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

/** Returns a name as plain text, for titles and labels. */
export function printable(name: string): string {
  return name.trim() === "" ? UNNAMED : escaped(name);
}

/** Shortens a name for places without an ellipsis of their own, such as options. */
export function shortened(name: string, most = 60): string {
  const shown = printable(name);
  return shown.length > most ? `${shown.slice(0, most)}…` : shown;
}
