// The filter grammar, as far as the filter bar needs to know it: the server reads it, and says what is wrong.

import { KINDS, STATUSES } from "./records";

/** A field, what it is for, and the values that it can only have. */
export interface Field {
  name: string;
  about: string;
  values?: readonly string[];
}

export const FIELDS: readonly Field[] = [
  { name: "status", about: "how it stands or ended", values: STATUSES },
  { name: "kind", about: "what sort of work", values: KINDS },
  { name: "name", about: "what it is called; * stands for anything" },
  { name: "type", about: "the type of an event" },
  { name: "project", about: "the project it belongs to" },
  { name: "agent", about: "the agent that asked for it" },
  { name: "actor", about: "the user it ran for" },
  { name: "brand", about: "the site or product" },
  { name: "env", about: "production, development, .." },
  { name: "session", about: "the client's session" },
  { name: "request", about: "the client's id of the request" },
  { name: "error", about: "what kind of failure" },
  { name: "since", about: "an age or a date", values: ["15m", "1h", "24h", "7d", "30d"] },
  { name: "until", about: "an age or a date", values: ["1h", "24h", "7d"] },
  { name: "duration", about: "how long it took", values: [">100ms", ">1s", ">10s", "<100ms"] },
  {
    name: "has",
    about: "what it has",
    values: ["recording", "error", "message", "input", "output", "parent"],
  },
];

/** A term of a filter: where it stands in the text, and its field where it has one. */
export interface Term {
  start: number;
  end: number;
  text: string;
  negated: boolean;
  field: string | null;
}

/** The terms of a filter. Spaces in quotes do not end one. */
export function terms(text: string): Term[] {
  const found: Term[] = [];
  const pattern = /(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g;
  for (const match of text.matchAll(pattern)) {
    const term = match[0];
    const named = /^(-?)([a-z]+):/i.exec(term);
    found.push({
      start: match.index,
      end: match.index + term.length,
      text: term,
      negated: term.startsWith("-"),
      field: named?.[2]?.toLowerCase() ?? null,
    });
  }
  return found;
}

/** A value as it is written in a filter. */
export function quoted(value: string): string {
  return /^[^\s"*,:\\-][^\s"*,\\]*$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** The filter with this value of a field, in place of what it said about that. None takes it out. */
export function withField(text: string, field: string, value: string | null): string {
  const others = terms(text).filter((term) => term.field !== field || term.negated);
  const kept = others.map((term) => term.text);
  return (value === null ? kept : [...kept, `${field}:${value}`]).join(" ");
}

/** What a filter says about a field. */
export function fieldValue(text: string, field: string): string | null {
  const term = terms(text).find((one) => one.field === field && !one.negated);
  return term === undefined ? null : term.text.slice(field.length + 1);
}

/** What could stand where the caret is. */
export interface Completion {
  /** Shown, and what it is. */
  label: string;
  about: string;
  /** The whole filter with it, and where the caret is then. */
  text: string;
  caret: number;
}

/** Completes the term that the caret stands in; `known` are values of fields seen on record. */
export function complete(
  text: string,
  caret: number,
  known: Record<string, readonly string[]>,
): Completion[] {
  const term = terms(text).find((one) => one.start <= caret && caret <= one.end);
  const [start, end] = term === undefined ? [caret, caret] : [term.start, term.end];
  const typed = text.slice(start, caret);
  const minus = typed.startsWith("-") ? "-" : "";
  const put = (label: string, about: string, replaced: string, more: string): Completion => {
    const before = text.slice(0, start) + replaced + more;
    const rest = text.slice(end).replace(/^\s+/, "");
    return { label, about, text: before + rest, caret: before.length };
  };
  const colon = typed.indexOf(":");
  if (colon < 0) {
    const begun = typed.slice(minus.length).toLowerCase();
    return FIELDS.filter((field) => field.name.startsWith(begun)).map((field) =>
      put(`${minus}${field.name}:`, field.about, `${minus}${field.name}:`, ""),
    );
  }
  const name = typed.slice(minus.length, colon).toLowerCase();
  const field = FIELDS.find((one) => one.name === name);
  const values = field?.values ?? known[name] ?? [];
  const listed = typed.slice(colon + 1).split(",");
  const begun = (listed.pop() ?? "").replace(/^"/, "").toLowerCase();
  const head = `${minus}${name}:${listed.map((one) => `${one},`).join("")}`;
  return values
    .filter((value) => value.toLowerCase().includes(begun))
    .slice(0, 10)
    .map((value) => put(value, "", head + (field?.values ? value : quoted(value)), " "));
}
