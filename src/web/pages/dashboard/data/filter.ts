// The filter grammar, as far as completion needs it. The server parses filters and reports errors.

import { FILTER_FIELDS } from "../../generated/openapi";

/** A term of a filter: its position in the text, and its field, if it has one. */
export interface Term {
  start: number;
  end: number;
  text: string;
  negated: boolean;
  field: string | null;
}

/** Splits a filter into terms, at spaces outside of quotes. */
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

/** Quotes a value if necessary. */
export function quoted(value: string): string {
  return /^[^\s"*,:\\=<>-][^\s"*,\\]*$/.test(value) && !value.includes("..")
    ? value
    : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Returns the filter with the value of a field replaced, or removed by `null`. */
export function withField(text: string, field: string, value: string | null): string {
  const others = terms(text).filter((term) => term.field !== field || term.negated);
  const kept = others.map((term) => term.text);
  return (value === null ? kept : [...kept, `${field}:${value}`]).join(" ");
}

/** Returns the value of a field. */
export function fieldValue(text: string, field: string): string | null {
  const term = terms(text).find((one) => one.field === field && !one.negated);
  return term === undefined ? null : term.text.slice(field.length + 1);
}

const MAX_COMPLETIONS = 20;

/** A completion at the caret. */
export interface Completion {
  label: string;
  description: string;
  /** The whole filter after the completion, and the caret in it. */
  text: string;
  caret: number;
}

/**
 * Completes the term at the caret. `known` has values of fields that occur in the store, `without` fields that the listed records
 * do not have.
 */
export function complete(
  text: string,
  caret: number,
  known: Record<string, readonly string[]>,
  without: readonly string[] = [],
): Completion[] {
  const term = terms(text).find((one) => one.start <= caret && caret <= one.end);
  const [start, end] = term === undefined ? [caret, caret] : [term.start, term.end];
  const typed = text.slice(start, caret);
  const minus = typed.startsWith("-") ? "-" : "";
  const put = (label: string, description: string, replaced: string, more: string): Completion => {
    const before = text.slice(0, start) + replaced + more;
    const rest = text.slice(end).replace(/^\s+/, "");
    return { label, description, text: before + rest, caret: before.length };
  };
  const colon = typed.indexOf(":");
  if (colon < 0) {
    const typedPart = typed.slice(minus.length).toLowerCase();
    const fields = FILTER_FIELDS.filter(
      (field) => field.name.startsWith(typedPart) && !without.includes(field.name),
    );
    return fields.map((field) => {
      const name = `${minus}${field.name}${field.keyed ? "." : ":"}`;
      return put(name, field.description, name, "");
    });
  }
  const name = typed.slice(minus.length, colon).toLowerCase();
  const field = FILTER_FIELDS.find((one) => one.name === name || one.alias === name);
  const listed: readonly string[] = [...(field?.values ?? []), ...(field?.examples ?? [])];
  const values = listed.length > 0 ? listed : (known[field?.name ?? name] ?? []);
  const earlier = typed.slice(colon + 1).split(",");
  const typedPart = (earlier.pop() ?? "").replace(/^"/, "").toLowerCase();
  const head = `${minus}${name}:${earlier.map((one) => `${one},`).join("")}`;
  return values
    .filter((value) => value.toLowerCase().includes(typedPart))
    .slice(0, MAX_COMPLETIONS)
    .map((value) => put(value, "", head + (listed.length > 0 ? value : quoted(value)), " "));
}
